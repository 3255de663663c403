"""`usage_void`: what it answers, and what it leaves of the counter."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import NOW, Sql

CALL = "SELECT outcome, closed FROM usage_void(%s, %s, %s, %s, '\\x00'::bytea, '{\"reason\": \"x\"}'::jsonb)"
OLDEST = NOW - timedelta(days=400)


def recorded(sql: Sql, aggregation: str, **values: Any) -> tuple[UUID, int, UUID]:
    org, key = sql.org(), uuid4()
    meter, _ = sql.meter(aggregation, "kind" if aggregation == "unique" else None)
    sql.event(org, meter, 5, key=key, kind="a", **values)
    sql.insert("usage_keys", org_id=org, key=key, content=b"0" * 16, occurred_at=NOW)
    start = sql.value("SELECT starts_at FROM usage_periods WHERE org_id = %s AND starts_at <= %s AND ends_at > %s",
                      org, NOW, NOW)  # fmt: skip
    unbilled = 0 if values.get("billable", True) else 8
    sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=start, used=8, unbilled=unbilled, events=2)
    return org, meter, key


def close(sql: Sql, org: UUID) -> None:
    sql.rows("UPDATE usage_periods SET currency = 'USD', closed_at = %s WHERE org_id = %s", NOW, org)


@pytest.mark.parametrize(
    ("aggregation", "values", "closed", "left"),
    [
        ("sum", {}, False, ("voided", 3, 0, 3, False)),
        ("sum", {}, True, ("voided", 3, 0, 3, False)),
        ("sum", {"billable": False, "source": "import"}, False, ("voided", 3, 3, 3, False)),
        ("count", {}, False, ("voided", 7, 0, 3, False)),
        ("max", {}, False, ("period_open", 8, 0, 2, False)),
        ("unique", {}, False, ("period_open", 8, 0, 2, False)),
        ("max", {}, True, ("voided", 0, 0, 3, True)),
        ("unique", {}, True, ("voided", 8, 0, 3, True)),
    ],
)
def test_usage_void_takes_an_event_from_its_counter(
    sql: Sql, aggregation: str, values: dict[str, Any], closed: bool, left: tuple[Any, ...]
) -> None:
    org, meter, key = recorded(sql, aggregation, **values)
    if closed:
        close(sql, org)
    [(outcome, was_closed)] = sql.rows(CALL, org, key, NOW, OLDEST)
    counter = sql.rows("SELECT used, unbilled, events, unsettled IS NOT NULL FROM usage_counters"
                       " WHERE org_id = %s AND meter_id = %s", org, meter)  # fmt: skip
    assert (outcome, *counter[0], was_closed) == (*left, closed)
    if outcome == "voided":
        assert sql.rows(CALL, org, key, NOW, OLDEST)[0][0] == "again"


@pytest.mark.parametrize(
    ("oldest", "known", "outcome"),
    [(OLDEST, False, "unknown"), (NOW + timedelta(seconds=1), True, "too_old"), (NOW, True, "voided")],
)
def test_usage_void_says_why_not(sql: Sql, oldest: datetime, known: bool, outcome: str) -> None:
    org, _, key = recorded(sql, "sum")
    assert sql.rows(CALL, org, key if known else uuid4(), NOW, oldest)[0][0] == outcome


@pytest.mark.parametrize(
    ("at", "aggregation", "closed", "outcome"),
    [
        (NOW, "sum", False, "voided"),
        (NOW, "count", None, "voided"),
        (NOW, "max", False, "period_open"),
        (NOW, "unique", None, "period_open"),
        (NOW, "max", True, "voided"),
        (OLDEST, "sum", True, "voided"),
        (OLDEST - timedelta(microseconds=1), "sum", True, "too_old"),
        (OLDEST - timedelta(microseconds=1), "max", False, "too_old"),
    ],
)
def test_usage_void_outcome(sql: Sql, at: datetime, aggregation: str, closed: bool | None, outcome: str) -> None:
    called = "SELECT usage_void_outcome(occurred_at => %s, oldest => %s, aggregation => %s, closed => %s)"
    assert sql.value(called, at, OLDEST, aggregation, closed) == outcome


def test_usage_void_key_hashes_the_key_of_the_event(sql: Sql) -> None:
    key = uuid4()
    expected = UUID(bytes=sha256(b"void\x00" + key.bytes).digest()[:16])
    assert sql.value("SELECT usage_void_key(%s)", key) == expected
