"""Closes usage periods in a loop as usually written: per org one transaction that reads, prices, writes and commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Json

from app.invoices.breakdown import store_rating
from app.rating import Charge, price
from app.rating.schemas import parse_charge

_USAGE = """
SELECT c.meter_id, c.billable, c.unbilled, c.events, t.allowance, t.policy, t.hard_limit, t.cap, t.sources, t.charge_id
FROM usage_counters c
JOIN terms_in_force t ON t.org_id = c.org_id AND t.meter_id = c.meter_id AND t.period_start = c.period_start
WHERE c.org_id = %s AND c.period_start = %s
"""
_LINE = """
INSERT INTO invoice_lines (id, org_id, kind, meter_id, period_start, period_end, plan_version_id, quantity, imported,
                           events, currency, exact_amount, amount, terms, breakdown, written_at)
VALUES (%s, %s, 'usage', %s, %s, %s, %s, %s, %s, %s, 'USD', %s, %s, %s, %s, %s)
"""
_CLOSE = (
    "UPDATE usage_periods SET closed_at = %s WHERE org_id = %s AND starts_at = %s RETURNING ends_at, plan_version_id"
)


def load_charges(connection: psycopg.Connection) -> dict[UUID, Charge]:
    """The charges by id, parsed once."""
    rows = connection.execute("SELECT id, model, properties, currency FROM plan_charges").fetchall()
    return {charge_id: parse_charge(model, properties, currency) for charge_id, model, properties, currency in rows}


def close(connection: psycopg.Connection, org_id: UUID, start: datetime, charges: dict[UUID, Charge]) -> None:
    """Close one org's period."""
    now = datetime.now(start.tzinfo)
    with connection.transaction():
        usage = connection.execute(_USAGE, (org_id, start)).fetchall()
        closed = connection.execute(_CLOSE, (now, org_id, start)).fetchone()
        assert closed is not None
        lines = []
        for meter, used, imported, events, allowance, policy, hard_limit, cap, sources, charge_id in usage:
            rated = price(charges[charge_id], used, allowance)
            terms = {"policy": policy, "allowance": str(allowance), "hard_limit": hard_limit, "cap": cap,
                     "sources": sources, "charge_id": str(charge_id)}  # fmt: skip
            lines.append((uuid4(), org_id, meter, start, *closed, used, imported, events, rated.amount, rated.rounded,
                          Json(terms), Json(store_rating(rated)), now))  # fmt: skip
        connection.cursor().executemany(_LINE, lines)
