"""Recounts, and usage that moves when a period boundary does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import MONTHS, NOW, Sql

OCTOBER, NOVEMBER, DECEMBER = MONTHS
CUT = NOW - timedelta(hours=2)
BEFORE, AFTER = CUT - timedelta(microseconds=1), CUT
COUNTERS = (
    "SELECT period_start, used, unbilled, events, unsettled IS NOT NULL FROM usage_counters"
    " WHERE org_id = %s AND meter_id = %s ORDER BY 1"
)
VALUES = (
    "SELECT period_start, value_hash, billable FROM usage_uniques WHERE org_id = %s AND meter_id = %s ORDER BY 1, 2"
)


def using(sql: Sql, aggregation: str) -> tuple[UUID, int]:
    return sql.org(), sql.meter(aggregation, "kind" if aggregation == "unique" else None)[0]


def hashed(sql: Sql, value: str) -> bytes:
    return bytes(sql.value("SELECT substr(sha256(%s), 1, 16)", value.encode()))


def count(sql: Sql, org: UUID) -> None:
    """Make the counters equal the events."""
    sql.rows("SELECT usage_recount(%s, %s)", org, NOW)


def cut(sql: Sql, org: UUID, at: datetime = CUT) -> None:
    """Cut November in two."""
    sql.rows("UPDATE usage_periods SET ends_at = %s WHERE org_id = %s AND starts_at = %s", at, org, NOVEMBER)
    period(sql, org, at)


def period(sql: Sql, org: UUID, at: datetime) -> None:
    """Another period, up to December."""
    sql.insert(
        "usage_periods", org_id=org, starts_at=at, ends_at=DECEMBER, previous_end=at, plan_version_id=uuid4(),
        time_zone="UTC", opened_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("aggregation", "used", "unbilled"), [("sum", 12, 7), ("count", 3, 1), ("max", 7, 4), ("unique", 1, 0)]
)
def test_usage_counter_figures_are_what_usage_recount_writes(
    sql: Sql, aggregation: str, used: int, unbilled: int
) -> None:
    org, meter = using(sql, aggregation)
    for quantity, how in ((2, {}), (3, {}), (7, {"billable": False, "source": "import"})):
        sql.event(org, meter, quantity, kind="k", **how)
    asked = "SELECT * FROM usage_span_figures(%s, %s, %s)"
    assert sql.rows(asked, org, NOW, NOW + timedelta(seconds=1)) == [(meter, aggregation, used, unbilled, 3)]
    assert sql.rows(asked, org, NOVEMBER, NOW) == []
    figures = sql.rows("SELECT meter_id, used, unbilled, events FROM usage_counter_figures(%s)", [org])
    assert figures == [(meter, used, unbilled, 3)]
    sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=NOVEMBER, used=99, reserved=1, unsettled=7)
    count(sql, org)
    written = "SELECT meter_id, used, unbilled, events, reserved, unsettled FROM usage_counters WHERE org_id = %s"
    assert sql.rows(written, org) == [(meter, used, unbilled, 3, 1, None)]


def test_usage_marked_figures_are_those_of_transactions_below_a_mark(sql: Sql) -> None:
    org, meter = using(sql, "sum")
    for quantity, tx in ((2, 10), (3, 11), (4, 12)):
        sql.event(org, meter, quantity, tx=tx)
    asked = "SELECT used, events FROM usage_marked_figures(%s, %s, %s, %s)"
    assert sql.rows(asked, org, OCTOBER, DECEMBER, 12) == [(5, 2)]
    assert sql.rows(asked, org, OCTOBER, DECEMBER, 10) == []


def test_usage_unique_figures_are_what_usage_recount_writes(sql: Sql) -> None:
    org, meter = using(sql, "unique")
    for _ in range(2):
        sql.event(org, meter, kind="k")
    found = sql.rows("SELECT * FROM usage_unique_figures(%s)", [org])
    assert found == [(org, meter, NOVEMBER, hashed(sql, "k"), True)]
    count(sql, org)
    assert sql.rows("SELECT * FROM usage_uniques WHERE org_id = %s", org) == found


def test_usage_span_values_are_those_of_a_span_and_of_transactions_from_one_on(sql: Sql) -> None:
    org, meter = using(sql, "unique")
    sql.event(org, meter, kind="a", tx=10, occurred_at=BEFORE)
    sql.event(org, meter, kind="a", tx=11, occurred_at=AFTER, billable=False, source="import")
    asked = "SELECT * FROM usage_span_values(%s, %s, %s, %s)"
    value = hashed(sql, "a")
    assert sql.rows(asked, org, OCTOBER, DECEMBER, 0) == [(meter, value, True)]
    assert sql.rows(asked, org, OCTOBER, DECEMBER, 11) == [(meter, value, False)]
    assert sql.rows(asked, org, OCTOBER, CUT, 11) == []


def test_usage_drop_counters_leaves_reservations_to_the_period_that_runs(sql: Sql) -> None:
    org, meter = using(sql, "sum")
    for start, reserved in ((OCTOBER, 1), (NOVEMBER, 2), (NOVEMBER + timedelta(days=3), 4)):
        sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=start, used=9, reserved=reserved)
    sql.rows("SELECT usage_drop_counters(%s, %s)", org, NOW)
    kept = sql.rows("SELECT period_start, used, reserved FROM usage_counters WHERE org_id = %s ORDER BY 1", org)
    assert kept == [(OCTOBER, 9, 1), (NOVEMBER, 9, 6)]


PARTS = "SELECT was, is_in, starts_at, ends_at, rest FROM usage_moved_parts(%s, %s, %s) ORDER BY starts_at"


@pytest.mark.parametrize("late", [False, True])
def test_usage_moved_parts_leave_the_longest_part_unread(sql: Sql, late: bool) -> None:
    org, meter = using(sql, "sum")
    at = NOVEMBER + timedelta(minutes=5) if late else CUT
    for when in (NOVEMBER, CUT):
        sql.event(org, meter, occurred_at=when)
    count(sql, org)
    assert sql.rows(PARTS, org, at, NOW) == []
    cut(sql, org, at)
    assert sql.rows(PARTS, org, at, NOW) == [
        (NOVEMBER, NOVEMBER, NOVEMBER, at, not late), (NOVEMBER, at, at, DECEMBER, late),
    ]  # fmt: skip


def test_usage_moved_parts_of_a_boundary_that_moved_are_what_lies_between(sql: Sql) -> None:
    org, meter = using(sql, "sum")
    for when in (OCTOBER, NOVEMBER, NOW):
        sql.event(org, meter, occurred_at=when)
    count(sql, org)
    moved = NOVEMBER + timedelta(hours=1)
    sql.rows("DELETE FROM usage_periods WHERE org_id = %s AND starts_at = %s", org, NOVEMBER)
    sql.rows("UPDATE usage_periods SET ends_at = %s WHERE org_id = %s", moved, org)
    period(sql, org, moved)
    assert sql.rows(PARTS, org, NOVEMBER, NOW) == [
        (OCTOBER, OCTOBER, OCTOBER, NOVEMBER, True),
        (NOVEMBER, OCTOBER, NOVEMBER, moved, False),
        (NOVEMBER, moved, moved, DECEMBER, True),
    ]


@pytest.mark.parametrize(
    ("aggregation", "kept", "moved"),
    [
        ("sum", (7, 0, 3, False), (6, 4, 2, False)),
        ("count", (3, 0, 3, False), (2, 1, 2, False)),
        ("max", (4, 0, 3, True), (4, 2, 2, False)),  # the import is as great as all before it
        ("unique", (2, 0, 3, True), (2, 1, 2, False)),  # both values occurred after the cut too
    ],
)
def test_usage_moved_figures_are_what_usage_move_writes(
    sql: Sql, aggregation: str, kept: tuple[Any, ...], moved: tuple[Any, ...]
) -> None:
    org, meter = using(sql, aggregation)
    for quantity, kind in ((1, "k1"), (2, "k2"), (4, "k2")):
        sql.event(org, meter, quantity, kind=kind, occurred_at=BEFORE)
    sql.event(org, meter, 2, kind="k2", occurred_at=AFTER)
    sql.event(org, meter, 4, kind="k1", occurred_at=AFTER, billable=False, source="import")
    count(sql, org)
    cut(sql, org)
    sql.rows("SELECT usage_move_values(%s, %s, %s)", org, CUT, NOW)
    asked = "SELECT period_start, used, used - billable, events, unsure FROM usage_moved_figures(%s, %s, %s) ORDER BY 1"
    expected = [(NOVEMBER, *kept), (CUT, *moved)]
    assert sql.rows(asked, org, CUT, NOW) == expected
    sql.rows("SELECT usage_move(%s, %s, %s)", org, CUT, NOW)
    assert sql.rows(COUNTERS, org, meter) == expected


def test_usage_move_values_renames_a_period_and_fills_the_one_of_its_old_name(sql: Sql) -> None:
    org, meter = using(sql, "unique")
    at = NOVEMBER + timedelta(days=1)
    for kind, when in (("early", NOVEMBER), ("both", NOVEMBER), ("both", NOW), ("late", NOW)):
        sql.event(org, meter, kind=kind, occurred_at=when)
    count(sql, org)
    cut(sql, org, at)
    sql.rows("SELECT usage_move_values(%s, %s, %s)", org, at, NOW)
    found = {(start, bytes(value)) for start, value, _ in sql.rows(VALUES, org, meter)}
    first, later = {"early", "both"}, {"early", "both", "late"}  # "early" is in doubt after the cut
    assert found == {(NOVEMBER, hashed(sql, each)) for each in first} | {(at, hashed(sql, each)) for each in later}


@pytest.mark.parametrize(("move", "settled"), [(7, True), (8, False)])
def test_usage_settle_counts_a_maximum_up(sql: Sql, move: int, settled: bool) -> None:
    org, meter = using(sql, "max")
    sql.insert(
        "usage_counters", org_id=org, meter_id=meter, period_start=NOVEMBER, used=5, unbilled=2, events=1, unsettled=7
    )
    assert sql.value(SETTLE, org, meter, NOVEMBER, move, 0, 9, 4, [], []) is settled
    assert sql.rows(COUNTERS, org, meter) == [(NOVEMBER, *((9, 5) if settled else (5, 2)), 1, not settled)]


def test_usage_settle_takes_what_no_event_brought_and_looks_up_the_latest_events(sql: Sql) -> None:
    """In doubt are values that nothing brought, an import, and an event and an import after the mark."""
    org, meter = using(sql, "unique")
    sql.event(org, meter, kind="event", tx=20)
    sql.event(org, meter, kind="import", tx=20, billable=False, source="import")
    sql.event(org, meter, kind="before", tx=19)
    doubted = {"nothing": None, "imported": False, "event": None, "import": None, "before": None}
    hashes = [hashed(sql, each) for each in doubted]
    for value in hashes:
        sql.insert("usage_uniques", org_id=org, meter_id=meter, period_start=NOVEMBER, value_hash=value, billable=True)
    sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=NOVEMBER, used=5, events=9, unsettled=7)
    assert sql.value(SETTLE, org, meter, NOVEMBER, 7, 20, 0, 0, hashes, list(doubted.values()))
    assert sql.rows(COUNTERS, org, meter) == [(NOVEMBER, 3, 2, 9, False)]
    assert {(bytes(value), billable) for _, value, billable in sql.rows(VALUES, org, meter)} == {
        (hashed(sql, "imported"), False), (hashed(sql, "event"), True), (hashed(sql, "import"), False),
    }  # fmt: skip


SETTLE = "SELECT usage_settle(%s, %s, %s, %s, %s, %s, %s, %s::bytea[], %s::boolean[])"


@pytest.mark.parametrize("near", ["the end", "the start"])
def test_usage_move_reads_the_lesser_part_of_a_large_period(sql: Sql, near: str) -> None:
    org, made = sql.org(), [sql.meter("sum")[0], sql.meter("count")[0], sql.meter("max")[0]]
    sql.rows(
        "INSERT INTO usage_events (org_id, key, event_id, meter_id, quantity, occurred_at, recorded_at, billable,"
        " source) SELECT %s, gen_random_uuid(), 'e', (%s::int[])[1 + n %% 3], 1000 - abs(n - 10000) / 100,"
        " %s + n * %s, %s, true, 'api' FROM generate_series(1, 20000) n",
        org, made, NOVEMBER, (NOW - NOVEMBER) / 20_000, NOW,
    )  # fmt: skip
    sql.rows("ANALYZE usage_events")
    count(sql, org)
    at = NOVEMBER + (NOW - NOVEMBER) * (0.995 if near == "the end" else 0.005)
    cut(sql, org, at)
    before = sql.value(READ)
    sql.rows(MOVE, org, at, NOW)
    assert sql.value(READ) - before < 1_000
    moved = sql.rows("SELECT meter_id, period_start, used, unbilled, events FROM usage_counters WHERE org_id = %s", org)
    assert sorted(moved) == sorted(
        sql.rows("SELECT meter_id, period_start, used, unbilled, events FROM usage_counter_figures(%s)", [org])
    )


MOVE = "SELECT usage_move(%s, %s, %s)"
READ = (
    "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables"
    " WHERE starts_with(relname, 'usage_events')"
)
