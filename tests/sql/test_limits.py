"""Windows: where they begin, what they refuse, what is taken from them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.sql.conftest import NOW, Sql


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        ("2026-11-21", "UTC", "2026-11-21T00:00:00+00:00"),
        ("2026-11-21", "Asia/Kolkata", "2026-11-20T18:30:00+00:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00+00:00"),  # midnight comes twice: the first
        ("2026-03-08", "America/Havana", "2026-03-08T05:00:00+00:00"),  # and is left out
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00+00:00"),
    ],
)
def test_usage_midnight(sql: Sql, day: str, zone: str, instant: str) -> None:
    assert sql.value("SELECT usage_midnight(%s::date, %s) = %s::timestamptz", day, zone, instant)


@pytest.mark.parametrize(
    ("zone", "caps", "spans"),
    [
        ("UTC", (None, None, None), []),
        ("UTC", (3, None, None), [("minute", "12:00", "12:01", 3)]),
        (
            "UTC",
            (3, 2, 1),
            [("day", "00:00", "00:00", 1), ("hour", "12:00", "13:00", 2), ("minute", "12:00", "12:01", 3)],
        ),
        ("Asia/Kolkata", (None, 2, None), [("hour", "11:30", "12:30", 2)]),
    ],
)
def test_usage_spans(sql: Sql, zone: str, caps: tuple[Any, ...], spans: list[tuple[Any, ...]]) -> None:
    clock = "to_char(%s AT TIME ZONE 'UTC', 'HH24:MI')"
    found = sql.rows(
        f"SELECT span, {clock % 'starts_at'}, {clock % 'ends_at'}, cap FROM usage_spans(%s, %s, %s, %s, %s)".replace(
            "%s AT", "%%s AT"
        ),
        sql.org(zone), NOW, *caps,
    )  # fmt: skip
    assert found == spans


OVER = "SELECT usage_exceeded_window(%s, %s, %s, %s, %s, NULL, NULL, 10)"


@pytest.mark.parametrize(
    ("used", "quantity", "greatest", "refused"),
    [(0, 10, False, False), (0, 11, False, True), (4, 6, False, False), (4, 7, False, True), (10, 0, False, False),
     (99, 10, True, False), (0, 11, True, True)],
)  # fmt: skip
def test_usage_exceeded_window_and_usage_consume_windows_judge_alike(
    sql: Sql, used: int, quantity: int, greatest: bool, refused: bool
) -> None:
    org, (meter, _) = sql.org(), sql.meter()
    start = NOW.replace(hour=0, minute=0, second=0)
    sql.insert("usage_windows", org_id=org, meter_id=meter, span="day", starts_at=start, used=used)
    arguments = (org, meter, NOW, quantity, greatest)
    facts = sql.value(OVER, *arguments)
    take = OVER.replace("usage_exceeded_window", "usage_consume_windows")
    if not refused:
        assert facts is None
        sql.rows(take, *arguments)
        total = max(used, quantity) if greatest else used + quantity
        assert sql.value("SELECT used FROM usage_windows WHERE org_id = %s", org) == total
        return
    assert {name: facts[name] for name in ("span", "limit", "reserved")} == {
        "span": "day",
        "limit": "10",
        "reserved": "0",
    }
    assert Decimal(facts["used"]) == used
    assert facts["resets_at"] == "2026-11-22T00:00:00.000000Z"
    assert json.loads(str(sql.fails("TK001", take, *arguments).diag.message_detail)) == facts


def test_usage_facts_are_texts(sql: Sql) -> None:
    assert sql.value("SELECT usage_facts('period', 1.50, 0.000001, 0, %s)", NOW) == {
        "span": "period", "limit": "1.50", "used": "0.000001", "reserved": "0",
        "resets_at": "2026-11-21T12:00:30.000000Z",
    }  # fmt: skip


def test_usage_count_refused_adds_up_by_meter_and_hour(sql: Sql) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    for _ in range(2):
        sql.rows(
            "SELECT usage_count_refused(%s, %s, %s, %s::bigint[], %s::numeric[])",
            org,
            NOW,
            [key, "none"],
            [2, 9],
            [5, 9],
        )
    assert sql.rows("SELECT meter_id, count, quantity FROM refused_quota WHERE org_id = %s", org) == [(meter, 4, 10)]


@pytest.mark.parametrize(("asked", "used", "over"), [(10, 0, False), (11, 0, True), (1, 10, True)])
def test_usage_check_one_and_usage_check_many_answer_alike(sql: Sql, asked: int, used: int, over: bool) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    sql.limit(org, meter, allowance=100, per_day=10)
    sql.insert(
        "usage_windows",
        org_id=org,
        meter_id=meter,
        span="day",
        starts_at=NOW.replace(hour=0, minute=0, second=0),
        used=used,
    )
    wanted = "meter_id, aggregation, policy, allowance, cap, used, reserved, exceeded_window IS NOT NULL"
    one = sql.rows(f"SELECT {wanted} FROM usage_check_one(%s, %s, %s, %s)", org, NOW, key, asked)
    assert one == [(meter, "sum", "block", 100, 100, 0, 0, over)]
    many = sql.rows(
        f"SELECT {wanted} FROM usage_check_many(%s::uuid[], %s::timestamptz[], %s, %s::numeric[])",
        [org, org], [NOW, NOW], [key, "none"], [asked, 1],
    )  # fmt: skip
    assert many == [*one, (None, None, None, None, None, 0, 0, False)]
