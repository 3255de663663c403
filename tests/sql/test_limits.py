"""Windows: where they begin, what they refuse, what is taken from them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.sql.conftest import MONTHS, NOW, Sql


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
    clock = "to_char({} AT TIME ZONE 'UTC', 'HH24:MI')"
    columns = f"span, {clock.format('starts_at')}, {clock.format('ends_at')}, cap"
    found = sql.rows(f"SELECT {columns} FROM usage_spans(%s, %s, %s, %s, %s, %s)", zone, NOW, NOW, *caps)
    assert found == spans


@pytest.mark.parametrize(
    ("days", "spans"), [(0, ["day", "hour", "minute"]), (2, ["day", "hour", "minute"]), (3, ["day"])]
)
def test_use_of_more_than_two_days_ago_is_limited_by_day_alone(sql: Sql, days: int, spans: list[str]) -> None:
    asked = "SELECT span FROM usage_spans('UTC', %s, %s, 1, 1, 1)"
    assert [span for (span,) in sql.rows(asked, NOW - timedelta(days=days), NOW)] == spans


OVER = "SELECT usage_exceeded_window(%s, %s, 'UTC', %s, %s, %s, %s, NULL, NULL, 10, %s)"


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
    sql.window(org, meter, "day", start, used)
    arguments = (org, meter, NOW, NOW, quantity, greatest, MONTHS[2])
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
    assert (facts["starts_at"], facts["resets_at"]) == ("2026-11-21T00:00:00.000000Z", "2026-11-22T00:00:00.000000Z")
    assert (facts["adds"], facts["peak"]) == (str(quantity), greatest)
    assert json.loads(str(sql.fails("TK001", take, *arguments).diag.message_detail)) == facts


@pytest.mark.parametrize(
    ("period_ends", "ends"), [(1, 24), (0, 12), (-1, 11), (30, 24)], ids=lambda hours: f"{hours} h"
)
def test_usage_window_ends_with_a_period_that_is_over(sql: Sql, period_ends: int, ends: int) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    noon = midnight + timedelta(hours=12)
    asked = (midnight + timedelta(days=1), noon + timedelta(hours=period_ends), noon)
    assert sql.value("SELECT usage_window_ends(%s, %s, %s)", *asked) == midnight + timedelta(hours=ends)


def test_usage_facts_are_texts(sql: Sql) -> None:
    assert sql.value("SELECT usage_facts('period', 1.50, 0.000001, 0, %s, %s, 2.5, false)", MONTHS[1], NOW) == {
        "span": "period", "limit": "1.50", "used": "0.000001", "reserved": "0", "adds": "2.5", "peak": False,
        "starts_at": "2026-11-01T00:00:00.000000Z", "resets_at": "2026-11-21T12:00:30.000000Z",
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
    sql.window(org, meter, "day", NOW.replace(hour=0, minute=0, second=0), used)
    wanted = "meter_id, aggregation, policy, allowance, cap, used, reserved, delta, exceeded_window IS NOT NULL"
    one = sql.rows(f"SELECT {wanted} FROM usage_check_one(%s, %s, %s, %s, NULL)", org, NOW, key, asked)
    assert one == [(meter, "sum", "block", 100, 100, 0, 0, asked, over)]
    many = sql.rows(
        f"SELECT {wanted} FROM usage_check_many(%s::uuid[], %s::timestamptz[], %s, %s::numeric[], NULL)",
        [org, org], [NOW, NOW], [key, "none"], [asked, 1],
    )  # fmt: skip
    assert many == [*one, (None, None, None, None, None, 0, 0, 1, False)]


@pytest.mark.parametrize(
    ("aggregation", "dimension", "named", "delta"),
    [("sum", None, None, 5), ("count", None, None, 5), ("max", None, None, 5), ("unique", "user", None, 5),
     ("unique", "user", '{"user": "known"}', 0), ("unique", "user", '{"user": "new"}', 1),
     ("unique", "user", '{"kind": "known"}', 1), ("sum", None, '{"user": "known"}', 5)],
)  # fmt: skip
def test_a_check_counts_a_quantity_as_recording_would(
    sql: Sql, aggregation: str, dimension: str | None, named: str | None, delta: int
) -> None:
    org, (meter, key) = sql.org(), sql.meter(aggregation, dimension)
    subject = sql.value("SELECT usage_subject(%s, 'known')", org)
    value = sql.value("SELECT usage_value('user', NULL, NULL, NULL, NULL, NULL, %s, NULL, NULL)", subject)
    counted = {"org_id": org, "meter_id": meter, "period_start": MONTHS[1], "value_hash": value}
    sql.insert("usage_uniques", **counted, billable=True)
    asked = "SELECT delta FROM usage_check_one(%s, %s, %s, 5, %s)"
    assert sql.value(asked, org, NOW, key, named) == delta


@pytest.mark.parametrize(("billable", "delta"), [(True, 0), (False, 1), (None, 1)])
def test_usage_check_value_knows_what_takes_room_already(sql: Sql, billable: bool | None, delta: int) -> None:
    """A value that only imports brought takes room with its first event."""
    org, (meter, _) = sql.org(), sql.meter("unique", "kind")
    value = sql.value("SELECT usage_value('kind', 'K', NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
    if billable is not None:
        counted = {"org_id": org, "meter_id": meter, "period_start": MONTHS[1], "value_hash": value}
        sql.insert("usage_uniques", **counted, billable=billable)
    asked = "SELECT usage_check_value(%s, %s, %s, 'kind', %s)"
    assert sql.value(asked, org, meter, MONTHS[1], '{"kind": "K"}') == delta


def test_usage_keep_refused_keeps_the_first_of_each_code_and_counts_the_rest(sql: Sql) -> None:
    org = sql.org()
    for _ in range(2):
        ids = [uuid4() for _ in range(4)]
        sql.rows(
            "SELECT usage_keep_refused(%s, %s, 3, '{a,b,a,a}', %s::uuid[], '{1,2,3,4}', '{d,d,d,d}', '{1,2,3,4}')",
            org, NOW, ids,
        )  # fmt: skip
    hours = "SELECT code, kept, more FROM refused_hours WHERE org_id = %s ORDER BY code"
    assert sql.rows(hours, org) == [("a", 3, 3), ("b", 2, 0)]
    assert sql.value("SELECT count(*) FROM refused_events WHERE org_id = %s", org) == 5


@pytest.mark.parametrize(
    ("figures", "left"),
    [
        (("sum", 10, 7, 5), 3), (("count", 10, None, None), 10), (("max", 10, 12, 7), 10), (("max", 10, 12, 10), None),
        (("max", 10, None, None), 10), (("unique", 10, 8, 8), None), (("unique", 10, None, None), 10),
    ],
)  # fmt: skip
def test_usage_not_given_is_what_the_figures_tell(sql: Sql, figures: tuple[object, ...], left: int | None) -> None:
    assert sql.value("SELECT usage_not_given(%s, %s, %s, %s)", *figures) == left


def test_usage_label_names_users_clients_and_keys(sql: Sql) -> None:
    org, client = sql.org(), uuid4()
    user = sql.value("SELECT usage_subject(%s, 'ada')", org)
    sql.insert("clients", id=client, org_id=org, ref="c", name="First client", created_at=NOW)
    label = "SELECT usage_label(%s, %s, %s)"
    assert sql.value(label, org, "user", str(user)) == "ada"
    for name in ("Ada One", "Ada Two"):  # the label decides, also for the past, whoever has it
        member = uuid4()
        sql.rows("UPDATE memberships SET external_id = NULL WHERE org_id = %s", org)
        sql.insert("users", id=member, email=f"{member}@example.com", name=name, created_at=NOW)
        sql.insert("memberships", org_id=org, user_id=member, role="member", external_id="ada", created_at=NOW)
        assert sql.value(label, org, "user", str(user)) == f"{name} (ada)"
    assert sql.value(label, org, "client", str(client)) == "First client"
    assert sql.value(label, org, "kind", "scan") == "scan"
    assert sql.value(label, org, "key", str(uuid4())) is None
