"""Rows of `terms_in_force` for tests that write them by hand: what the resolver makes of a limit."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from app.rating import Charge
from app.statements.figures import UsageTerms, build_usage_terms
from app.subscriptions import queries
from app.subscriptions.models import TermsInForce
from app.subscriptions.terms.resolver import COLLECTED, MeterRule, resolve_meter


def columns(**limit: Any) -> dict[str, Any]:
    """The columns of a row but for org, meter and period: policy="block", allowance=10; none: not mentioned."""
    terms = resolve_meter(MeterRule(**({"policy": "block"} | limit)) if limit else None, COLLECTED)
    return asdict(terms) | {"sources": Jsonb(dict(terms.sources))}


def insert(table: str, columns: dict[str, Any], *, update: bool = False) -> tuple[str, list[Any]]:
    """An INSERT and its arguments; with `update`, terms that are there already are replaced."""
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join(["%s"] * len(columns))
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
    replaced = f" ON CONFLICT (org_id, meter_id, period_start) DO UPDATE SET {changed}" if update else ""
    return f"INSERT INTO {table} ({names}) VALUES ({places}){replaced}", list(columns.values())


def list_mentioned(session: Session, org_id: UUID, period_start: datetime) -> list[TermsInForce]:
    """The terms in a period of the meters that the plan mentions, by meter id."""
    return [row for row in queries.list_terms(session, org_id, period_start) if row.mentioned]


def usage_terms(
    policy: str | None = None,
    allowance: Decimal | None = None,
    hard_limit: Decimal | None = None,
    *,
    charge: Charge | None = None,
) -> UsageTerms:
    """A meter's terms where payment is collected; without a policy, those of a meter that no plan mentions."""
    rule = MeterRule(policy, allowance, hard_limit, charge_id=uuid4()) if policy else None
    terms = resolve_meter(rule, COLLECTED)
    return build_usage_terms(terms, charge if terms.charge_id else None)
