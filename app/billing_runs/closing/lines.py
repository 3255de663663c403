"""A meter's line of a period: quantities, terms and what the rating returned, as the invoices room keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from app.invoices.breakdown import store_rating, write_number
from app.invoices.service import LineFacts
from app.kit.money import ZERO, exactly
from app.kit.periods import Period
from app.rating import Charge
from app.statements.period import parse_row_charge, rate_by
from app.statements.queries import PeriodRow
from app.subscriptions.terms.resolver import CHARGE, UNBILLED


class _Terms(NamedTuple):
    """What a line stores of terms, the charge that they name, and why nothing is owed under them."""

    stored: dict[str, Any]
    charge: Charge | None
    reason: str | None


class LineRater:
    """Rates many rows. `charges` are those that the rows name; rows with equal terms share one object."""

    def __init__(self, charges: Mapping[UUID, Charge]) -> None:
        self.charges = charges
        self._known: dict[tuple[object, ...], _Terms] = {}

    def state_lines(self, rows: Iterable[PeriodRow], period: Period) -> list[LineFacts]:
        """Rate the rows of a period that have a meter."""
        with exactly():
            return [self.state_line(row, period) for row in rows if row.meter_id is not None]

    def state_line(self, row: PeriodRow, period: Period) -> LineFacts:
        """Rate a row of a period."""
        key = (row.policy, row.allowance, row.hard_limit, row.cap, row.sources, row.charge_id)
        terms, charge, reason = self._known.get(key) or self._know(key)
        rated = rate_by(charge, row, row.used)
        return LineFacts(
            row.meter_id,
            period,
            row.plan_version_id,
            row.used,
            row.imported,
            row.events,
            row.currency,
            rated.amount if rated else ZERO,
            rated.rounded if rated else 0,
            reason,
            terms,
            store_rating(rated) if rated else {},
        )

    def _know(self, key: tuple[Any, ...]) -> _Terms:
        """The terms in force, as the close found them, and the charge that they name: it never changes under its id."""
        policy, allowance, hard_limit, cap, sources, charge_id = key
        named = json.loads(sources) if sources else {}
        terms = {
            "policy": policy,
            "allowance": write_number(allowance),
            "hard_limit": write_number(hard_limit),
            "cap": write_number(cap),
            "sources": named,
            "charge_id": str(charge_id) if charge_id else None,
        }
        reason = named.get(CHARGE) if named.get(CHARGE) in UNBILLED else None
        known = self._known[key] = _Terms(terms, self.charges.get(charge_id), reason)
        return known


def state_row(row: Row[Any]) -> LineFacts:
    """Rate one row of `statements.queries.list_period_rows`, which has its charge."""
    charge, shown = parse_row_charge(row), PeriodRow._make(row[: len(PeriodRow._fields)])
    return LineRater({row.charge_id: charge} if charge else {}).state_line(shown, Period(row.starts_at, row.ends_at))
