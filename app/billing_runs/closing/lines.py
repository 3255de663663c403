"""A meter's line of a period: quantities, terms and what the rating returned, as the invoices room keeps it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from app.invoices.breakdown import store_rating, write_number
from app.invoices.service import LineFacts
from app.kit.money import ZERO
from app.kit.periods import Period
from app.statements.period import Charges, parse_row_charge, rate_period_row
from app.subscriptions.terms.resolver import CHARGE, NOT_COLLECTED


def state_line(row: Row[Any], parsed: Charges | None = None) -> LineFacts:
    """Rate a row of `statements.queries.list_period_rows`; `parsed` keeps the charges of many rows."""
    parsed = {} if parsed is None else parsed
    rated = rate_period_row(row, parsed)
    uncollected = (row.sources or {}).get(CHARGE) == NOT_COLLECTED
    return LineFacts(
        meter_id=row.meter_id,
        period=Period(row.starts_at, row.ends_at),
        plan_version_id=row.plan_version_id,
        quantity=row.used,
        imported=row.imported,
        events=row.events,
        currency=row.currency,
        exact_amount=rated.amount if rated else ZERO,
        amount=rated.rounded if rated else 0,
        reason=NOT_COLLECTED if uncollected else None,
        terms=_describe_terms(row, parsed),
        breakdown=store_rating(rated) if rated else {},
    )


def _describe_terms(row: Row[Any], parsed: Charges) -> dict[str, Any]:
    """The terms in force, as the close found them, with the charge that they name."""
    found = parse_row_charge(row, parsed)
    return {
        "policy": row.policy,
        "allowance": write_number(row.allowance),
        "hard_limit": write_number(row.hard_limit),
        "cap": write_number(row.cap),
        "sources": row.sources or {},
        "charge_id": str(row.charge_id) if row.charge_id else None,
        "model": row.model,
        "properties": found.properties if found else None,
    }
