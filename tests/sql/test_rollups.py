"""Roll-ups: what counts, what a fold adds up, what pages read.

Events are written with transaction numbers of the test's own, so that a mark can be put between them.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.conftest import MONTHS, NOW, Sql

TODAY = date(2026, 11, 21)
ABOVE = 2**62
ID = str(uuid4())
ORGS = "ROW('orgs', %s, 0, 'c', NULL)::rollup_state"


def counted(sql: Sql, aggregation: str = "sum", *quantities: int, **event: Any) -> tuple[UUID, int]:
    """An org and a meter with events of these quantities, of transaction 10 unless told otherwise."""
    org, (meter, _) = sql.org(), sql.meter(aggregation, "kind" if aggregation == "unique" else None)
    for quantity in quantities:
        sql.event(org, meter, quantity, **{"tx": 10, "kind": "k", **event})
    return org, meter


def days(sql: Sql, org: UUID, dimension: str = "") -> list[tuple[Any, ...]]:
    asked = "SELECT day, value, quantity, events FROM usage_days WHERE org_id = %s AND dimension = %s ORDER BY 1, 2"
    return sql.rows(asked, org, dimension)


def mark(sql: Sql, upto: int) -> None:
    sql.rows("UPDATE rollup_state SET upto = %s, floor_seq = 0, cluster = database_cluster()", upto)


@pytest.mark.parametrize(
    ("event", "row"),
    [({}, (1, 5)), ({"billable": False}, None), ({"billable": False, "source": "import"}, (1, 5)),
     ({"quantity": -5, "reverses": uuid4()}, (-1, -5))],
)  # fmt: skip
def test_usage_counted_holds_what_is_billed_or_imported(sql: Sql, event: dict[str, Any], row: tuple[int, int]) -> None:
    org, (meter, _) = sql.org("Asia/Kolkata"), sql.meter()
    sql.event(org, meter, **{"quantity": 5} | event)
    found = sql.rows("SELECT sign, amount FROM usage_counted WHERE org_id = %s", org)
    assert found == ([] if row is None else [row])


@pytest.mark.parametrize(("aggregation", "figure"), [("sum", 9), ("count", 3), ("max", 4), ("unique", 1)])
@pytest.mark.parametrize(("bucket", "day"), [("day", TODAY), ("month", date(2026, 11, 1)), ("range", date(1970, 1, 1))])
def test_usage_figures(sql: Sql, aggregation: str, figure: int, bucket: str, day: date) -> None:
    org, meter = counted(sql, aggregation, 2, 3, 4)
    asked = "SELECT day, meter_id, dimension, value, quantity, events FROM usage_figures(%s, %s, NULL, %s, %s, %s, 0)"
    arguments = (bucket, [org], MONTHS[1], MONTHS[2])
    named = [("", ""), *([("hour", "12")] if aggregation != "unique" else []), ("kind", "k")]
    assert sorted(sql.rows(asked, *arguments, 11)) == [(day, meter, *each, figure, 3) for each in named]
    assert sql.rows(asked, *arguments, 10) == []


def test_usage_total_figures_take_the_greatest_of_any_org(sql: Sql) -> None:
    _, meter = counted(sql, "max", 4)
    sql.event(sql.org(), meter, 7, tx=10)
    asked = "SELECT day, dimension, value, quantity, events FROM usage_total_figures(%s, %s, %s, 11, 0) ORDER BY 2"
    assert sql.rows(asked, [meter], MONTHS[1], MONTHS[2]) == [
        (TODAY, "", "", 7, 2), (TODAY, "hour", "12", 7, 2), (TODAY, "kind", "k", 4, 1),
    ]  # fmt: skip


def test_rollup_add_unique_totals_adds_and_subtracts_orgs_days(sql: Sql) -> None:
    org, meter = counted(sql, "unique", 1)
    sql.insert("usage_days", org_id=org, dimension="", day=TODAY, meter_id=meter, value="", quantity=3, events=4)
    totals = "SELECT quantity, events FROM usage_totals WHERE meter_id = %s"
    for weight, row in ((1, (3, 4)), (1, (6, 8)), (-1, (3, 4))):
        sql.rows("SELECT rollup_add_unique_totals(%s, %s)", [org], weight)
        assert sql.rows(totals, meter) == [row]


def test_rollup_lock_key_and_database_cluster_are_what_other_processes_see(sql: Sql) -> None:
    assert sql.value("SELECT rollup_lock_key()") == 7205759405
    assert sql.value("SELECT database_cluster() = system_identifier::text FROM pg_control_system()")


@pytest.mark.parametrize(("stale", "cluster", "upto"), [(False, None, 77), (True, None, 0), (False, "another", 0)])
def test_rollup_watermark_is_below_everything_while_roll_ups_wait(
    sql: Sql, stale: bool, cluster: str, upto: int
) -> None:
    org = sql.org()
    mark(sql, 77)
    if cluster:
        sql.rows("UPDATE rollup_state SET cluster = %s", cluster)
    sql.insert("rollup_orgs", org_id=org, time_zone="UTC", stale=stale)
    assert sql.rows("SELECT upto, valid FROM rollup_watermark(%s)", org) == [(upto, upto > 0)]
    assert sql.value("SELECT upto FROM rollup_watermark(NULL)") == (0 if cluster else 77)


def test_rollup_restart_marks_every_org_stale(sql: Sql) -> None:
    org = sql.org()
    sql.rows("SELECT rollup_restart(%s)", NOW)
    assert sql.value("SELECT stale FROM rollup_orgs WHERE org_id = %s", org)
    assert sql.rows("SELECT name, cluster = database_cluster() FROM rollup_state ORDER BY 1") == [
        ("orgs", True), ("totals", False),
    ]  # fmt: skip


def test_rollup_rebuild_and_rollup_rebuild_totals_rewrite_from_events(sql: Sql) -> None:
    org, meter = counted(sql, "sum", 2, 3)
    mark(sql, 11)
    sql.insert("usage_days", org_id=org, dimension="", day=TODAY, meter_id=meter, value="", quantity=99, events=9)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    sql.rows("SELECT rollup_rebuild_totals()")
    assert days(sql, org) == [(TODAY, "", 5, 2)]
    assert sql.value("SELECT quantity FROM usage_months WHERE org_id = %s AND dimension = ''", org) == 5
    assert sql.value("SELECT quantity FROM usage_totals WHERE meter_id = %s AND dimension = ''", meter) == 5


@pytest.mark.parametrize(("max_rows", "end"), [(10, None), (1, 102)])
def test_rollup_fold_end_stops_after_so_many_rows(sql: Sql, max_rows: int, end: int | None) -> None:
    """Two events at the greatest transaction numbers that are over: no other event stands there."""
    org, meter = counted(sql)
    last = sql.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    for back in (2, 1):
        sql.event(org, meter, tx=last - back)
    ((found, more),) = sql.rows(f"SELECT * FROM rollup_fold_end({ORGS}, %s)", last - 2, max_rows)
    # Transactions of other test processes end meanwhile: they count up the same numbers.
    assert found >= last if end is None else found == last - 1
    assert more is (end is not None)


@pytest.mark.parametrize(("aggregation", "folded", "figure"), [("sum", 2, 5), ("count", 2, 2), ("max", 2, 3)])
def test_rollup_fold_span_adds_a_span_of_transactions(sql: Sql, aggregation: str, folded: int, figure: int) -> None:
    org, meter = counted(sql, aggregation, 2, 3, tx=ABOVE)
    assert sql.value(f"SELECT rollup_fold_span({ORGS}, %s)", ABOVE, ABOVE + 1) == folded
    assert days(sql, org) == [(TODAY, "", figure, 2)]
    assert days(sql, org, "kind") == [(TODAY, "k", figure, 2)]
    assert sql.value("SELECT quantity FROM usage_totals WHERE meter_id = %s AND dimension = ''", meter) == figure


@pytest.mark.parametrize(("mark", "added"), [(ABOVE, [0, 0, 1, 1]), (0, [1, 1, 1, 1])])
def test_rollup_value_changes_are_against_what_stands_below_the_mark(sql: Sql, mark: int, added: list[int]) -> None:
    org, meter = counted(sql, "unique", 1, 1, tx=ABOVE)
    sql.event(org, meter, tx=ABOVE, kind="l")
    for dimension, value in (("", ""), ("kind", "k")):
        hash_ = sql.value("SELECT rollup_value_hash(%s, %s, 'k')", dimension, value)
        sql.insert("rollup_values", org_id=org, meter_id=meter, value_hash=hash_, day=TODAY, standing=3)
    asked = (
        "SELECT added, standing, events FROM rollup_value_changes(%s, %s, %s, %s, %s, 0)"
        " ORDER BY standing DESC, dimension, value"
    )
    found = sql.rows(asked, [org], MONTHS[1], MONTHS[2], mark, ABOVE + 1)
    assert [row[0] for row in found] == added
    below = 3 if mark else 0
    assert [row[1:] for row in found] == [(below + 2, 2), (below + 2, 2), (1, 1), (1, 1)]


def test_rollup_value_hash_keeps_value_and_item_apart(sql: Sql) -> None:
    asked = "SELECT octet_length(rollup_value_hash('kind', 'a', 'bc')), rollup_value_hash('kind', 'ab', 'c')"
    assert sql.rows(f"{asked} = rollup_value_hash('kind', 'a', 'bc'), rollup_value_hash('kind', 'a', NULL)") == [
        (16, False, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stood", "days", "added"), [(0, 1, 1), (0, 2, 1), (1, 1, 0), (2, -1, 0), (2, -2, -1), (0, 0, 0)]
)
def test_rollup_month_added(sql: Sql, stood: int, days: int, added: int) -> None:
    assert sql.value("SELECT rollup_month_added(%s, %s)", stood, days) == added


@pytest.mark.parametrize(
    ("standings", "sign", "found"),
    [([], 1, (1, 0)), ([0, 2], 1, (1, 1)), ([0, 2, 1, 0], 1, (1, 1)), ([1, 2, 1], -1, (-1, 3)), ([1], -1, (-1, 1)),
     ([2, 1], -1, (0, 0)), ([2, 1], 1, (0, 0))],
)  # fmt: skip
def test_rollup_value_changes_say_on_how_many_days_an_item_stood(
    sql: Sql, standings: list[int], sign: int, found: tuple[int, int]
) -> None:
    """An event or a reversal today; `standings` are those of today and the days before it."""
    org, meter = counted(sql, "unique")
    sql.event(org, meter, sign, tx=ABOVE, kind="k", reverses=None if sign > 0 else uuid4())
    hash_, month = sql.value("SELECT rollup_value_hash('', '', 'k')"), TODAY.replace(day=1)
    outside = {month - timedelta(days=1): 5, date(2026, 12, 1): 5}
    for day, standing in ({TODAY - timedelta(days=n): each for n, each in enumerate(standings)} | outside).items():
        sql.insert("rollup_values", org_id=org, meter_id=meter, value_hash=hash_, day=day, standing=standing)
    asked = "SELECT added, stood FROM rollup_value_changes(%s, %s, %s, %s, %s, 0) WHERE dimension = ''"
    assert sql.rows(asked, [org], MONTHS[1], MONTHS[2], ABOVE, ABOVE + 1) == [found]


def test_rollup_fold_values_adds_what_is_new(sql: Sql) -> None:
    org, meter = counted(sql, "unique", 1, 1, tx=ABOVE)
    for upto, row in ((ABOVE, (TODAY, "", 1, 2)), (ABOVE + 1, (TODAY, "", 2, 4))):
        assert sql.value(f"SELECT rollup_fold_values({ORGS}, %s)", upto, upto + 1) == 2
        assert days(sql, org) == [row]
        sql.event(org, meter, tx=ABOVE + 1, kind="k")
        sql.event(org, meter, tx=ABOVE + 1, kind="l")
    assert sql.rows("SELECT quantity, events FROM usage_months WHERE org_id = %s AND dimension = ''", org) == [(2, 4)]
    assert sql.rows("SELECT quantity FROM usage_totals WHERE meter_id = %s AND dimension = ''", meter) == [(2,)]
    kept = sql.rows("SELECT meter_id, day, standing FROM rollup_values WHERE org_id = %s ORDER BY 3", org)
    assert kept == [(meter, TODAY, n) for n in (1, 1, 3, 3)]


def test_rollup_value_figures_are_what_rollup_rebuild_writes(sql: Sql) -> None:
    org, meter = counted(sql, "unique", 1, 1)
    sql.event(org, meter, -1, kind="k", tx=10, reverses=uuid4())
    found = sql.rows("SELECT * FROM rollup_value_figures(%s, 11, 0) ORDER BY value_hash", [org])
    assert [(row[1], row[3], row[4]) for row in found] == [(meter, TODAY, 1)] * 2
    mark(sql, 11)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    kept = "SELECT org_id, meter_id, value_hash, day, standing FROM rollup_values WHERE org_id = %s ORDER BY value_hash"
    assert sql.rows(kept, org) == found


def test_usage_by_dimension_has_a_row_for_each_dimension_that_an_event_names(sql: Sql) -> None:
    org, _ = counted(sql, "sum", 5, provider="p")
    found = sql.rows("SELECT dimension, value, amount FROM usage_by_dimension WHERE org_id = %s ORDER BY 1", org)
    assert found == [("", "", 5), ("hour", "12", 5), ("kind", "k", 5), ("provider", "p", 5)]


def test_rollup_recompute_peaks_recomputes_days_of_reversed_maxima(sql: Sql) -> None:
    org, meter = counted(sql, "max", 4, 9, 9)
    for each in range(2):
        sql.event(org, meter, -9, kind="k", tx=ABOVE + each, reverses=uuid4())
    for table, column, day in (("usage_days", "day", TODAY), ("usage_months", "month", TODAY.replace(day=1))):
        row = {"org_id": org, "dimension": "", column: day, "meter_id": meter, "value": "", "quantity": 9, "events": 5}
        sql.insert(table, **row)
    asked = "SELECT quantity FROM usage_months WHERE org_id = %s AND dimension = ''"
    for upto, events, figure in ((ABOVE, 3, 9), (ABOVE + 1, 4, 9), (ABOVE + 2, 5, 4)):
        sql.rows(f"SELECT rollup_recompute_peaks({ORGS}, %s)", ABOVE, upto)
        assert days(sql, org) == [(TODAY, "", figure, events if upto > ABOVE else 5)]
        assert sql.value(asked, org) == figure
    sql.rows("UPDATE usage_days SET quantity = 7 WHERE org_id = %s", org)
    sql.rows("SELECT rollup_recompute(%s, %s, %s, %s, 0)", [org], meter, TODAY, ABOVE + 2)
    assert days(sql, org) == [(TODAY, "", 4, 5)]


def test_rollup_fold_takes_one_step(sql: Sql) -> None:
    org, meter = counted(sql)
    last = sql.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    mark(sql, last - 1)
    sql.rows("UPDATE rollup_orgs SET stale = false, time_zone = (SELECT time_zone FROM orgs WHERE id = org_id)")
    sql.event(org, meter, 5, tx=last - 1)
    assert sql.value("SELECT folded FROM rollup_fold(1000, %s)", NOW) >= 1
    assert days(sql, org) == [(TODAY, "", 5, 1)]
    assert sql.value("SELECT upto FROM rollup_state WHERE name = 'orgs'") >= last


SERIES = "SELECT day, quantity, events FROM usage_series(%s, %s, %s, %s, '-infinity', 'infinity', '') ORDER BY 1"


@pytest.mark.parametrize("upto", [0, 11, 99])
def test_usage_series_and_usage_breakdown_are_true_wherever_the_mark_is(sql: Sql, upto: int) -> None:
    org, meter = counted(sql, "sum", 2, 3)
    sql.event(org, meter, 4, tx=20, occurred_at=NOW - timedelta(days=1))
    mark(sql, upto)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    span = (date(2026, 11, 1), date(2026, 11, 30))
    assert sql.rows(SERIES, "day", org, *span) == [(TODAY - timedelta(days=1), 4, 1), (TODAY, 5, 2)]
    assert sql.rows(SERIES, "month", org, *span) == [(date(2026, 11, 1), 9, 3)]
    asked = "SELECT meter_id, value, quantity, events FROM usage_breakdown(%s, %s, %s, '-infinity', 'infinity', 'kind')"
    assert sorted(sql.rows(asked, org, *span)) == [(meter, "k", 5, 2)]


RECENT = """
SELECT day, meter_id, aggregation, value, quantity, events, lowered
FROM usage_recent(%s, %s, %s, %s, %s, 0, ARRAY[%s], %s)
"""


@pytest.mark.parametrize(("aggregation", "figure"), [("sum", 2), ("count", 0), ("max", 3), ("unique", 0)])
def test_usage_recent_is_what_an_org_used_above_the_mark(sql: Sql, aggregation: str, figure: int) -> None:
    org, meter = counted(sql, aggregation, 9)
    sql.event(org, meter, 3, tx=20, kind="k")
    sql.event(org, meter, -1, tx=20, kind="k", reverses=uuid4())
    counted(sql, aggregation, 7, tx=20)
    for bucket, day in (("day", TODAY), ("month", TODAY.replace(day=1))):
        asked = (bucket, org, NOW - timedelta(days=1), NOW + timedelta(days=1))
        for measured_too in (False, True):
            found = sql.rows(RECENT, *asked, 15, "kind", measured_too)
            assert found == [(day, meter, aggregation, "k", figure, 2, True)]
        assert sql.rows(RECENT, *asked, 15, "provider", True) == sql.rows(RECENT, *asked, 21, "kind", True) == []


def test_usage_recent_values_is_what_an_orgs_unique_meters_add_above_the_mark(sql: Sql) -> None:
    org, meter = counted(sql, "unique", 1)
    sql.event(org, meter, 1, tx=20, kind="other")
    asked = "SELECT day, meter_id, value, added, events FROM usage_recent_values(%s, %s, %s, %s, 0, ARRAY[%s])"
    around = (org, NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert sql.rows(asked, *around, 15, "kind") == [(TODAY, meter, "other", 1, 1)]
    assert sql.rows(asked, *around, 21, "kind") == []


def test_usage_total_series_is_all_orgs_by_day(sql: Sql) -> None:
    _, meter = counted(sql, "sum", 2, 3, tx=ABOVE)
    mark(sql, ABOVE)
    asked = "SELECT day, quantity, events FROM usage_total_series(%s, %s, '') WHERE meter_id = %s"
    assert sql.rows(asked, TODAY, TODAY, meter) == [(TODAY, 5, 2)]


@pytest.mark.parametrize(("aggregation", "total"), [("sum", 5), ("count", 2), ("max", 3)])
def test_usage_window_figures(sql: Sql, aggregation: str, total: int) -> None:
    org, meter = counted(sql, aggregation, 2, 3)
    sql.event(org, meter, 9, billable=False, source="import")  # imports pass windows
    for span, start, figure in (
        ("minute", NOW.replace(second=0), total),
        ("hour", NOW.replace(hour=9, minute=0, second=0), None),
    ):
        sql.window(org, meter, span, start, 1)
        found = sql.rows("SELECT used, counted FROM usage_window_figures(%s) WHERE span = %s", [org], span)
        assert found == [(1, figure)]


MEASURES = "unbilled, free, free_events, responses, latency, sizes"
ANSWERED = {"status_code": 404, "response_ms": 9, "file_bytes": 10_001}
PACKED = (10**12, 10 ** (12 * 5), 10 ** (12 * 2))


def measured(sql: Sql, org: UUID, dimension: str = "", table: str = "usage_days") -> list[tuple[Any, ...]]:
    asked = f"SELECT value, quantity, events, {MEASURES} FROM {table} WHERE org_id = %s AND dimension = %s ORDER BY 1"
    return sql.rows(asked, org, dimension)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("response", [(200, 0), (399, 0), (400, 1), (499, 1), (500, 2), (599, 2), (7, 0), (999, 2)]),
        ("latency", [(0, 0), (1, 0), (2, 1), (12, 5), (13, 6), (60_000, 23), (60_001, 24), (2**31 - 1, 24)]),
        ("size", [(0, 0), (1_000, 0), (1_001, 1), (5_000_000_000, 13), (2**62, 14)]),
    ],
)
def test_usage_recorded_has_the_bucket_whose_bound_is_not_passed(
    sql: Sql, column: str, values: list[tuple[int, int]]
) -> None:
    org, (meter, _) = sql.org(), sql.meter()
    field = {"response": "status_code", "latency": "response_ms", "size": "file_bytes"}[column]
    for value, _ in values:
        sql.event(org, meter, **{field: value})
    found = sql.rows(f"SELECT {column} FROM usage_recorded WHERE org_id = %s ORDER BY seq", org)
    assert [row[0] for row in found] == [bucket for _, bucket in values]


def test_histograms_have_a_bucket_for_every_bound_and_one_above(sql: Sql) -> None:
    latency, sizes = sql.value("SELECT usage_latency_bounds()"), sql.value("SELECT usage_size_bounds()")
    assert latency == sorted(set(latency))
    assert sizes == sorted(set(sizes))
    for bounds in (latency, sizes):
        assert sql.value("SELECT usage_packed(%s)", len(bounds)) == 10 ** (12 * len(bounds))
    assert sql.rows("SELECT usage_packed(25), usage_packed(NULL)") == [(None, None)]


@pytest.mark.parametrize(("kept", "more", "sum_"), [(None, None, None), (1, None, 1), (None, 2, 2), (1, -1, 0)])
def test_usage_added(sql: Sql, kept: int | None, more: int | None, sum_: int | None) -> None:
    assert sql.value("SELECT usage_added(%s, %s)", kept, more) == sum_


@pytest.mark.parametrize(
    ("event", "shown"),
    [({}, (1, 1)), ({"billable": False}, (0, 0)), ({"billable": False, "source": "import"}, (1, 1)),
     ({"billable": False, "source": "job", "billing_reason": "retry"}, (0, 0)),
     ({"billable": False, "source": "void", "billing_reason": "retry", "reverses": uuid4()}, (0, 0)),
     ({"billable": False, "source": "void", "reverses": uuid4()}, (1, 1))],
)  # fmt: skip
def test_a_void_counts_if_what_it_reverses_does(sql: Sql, event: dict[str, Any], shown: tuple[int, int]) -> None:
    org, (meter, _) = sql.org(), sql.meter()
    sql.event(org, meter, **event)
    asked = "SELECT count(*) FILTER (WHERE counted), (SELECT count(*) FROM usage_counted WHERE org_id = %s)"
    assert sql.rows(f"{asked} FROM usage_recorded WHERE org_id = %s", org, org) == [shown]


@pytest.mark.parametrize(
    ("aggregation", "row"),
    [
        ("sum", (12, 2, 7, 3, 1)),
        ("count", (2, 2, 1, 1, 1)),
        ("max", (7, 2, None, None, 1)),
        ("unique", (0, 0, None, None, 1)),
    ],
)
def test_a_fold_keeps_what_is_imported_and_what_is_free_apart(sql: Sql, aggregation: str, row: tuple[Any, ...]) -> None:
    """Of a unique meter, rollup_fold_values adds quantity and events."""
    org, (meter, _) = sql.org(), sql.meter(aggregation, "kind" if aggregation == "unique" else None)
    sql.event(org, meter, 5, tx=ABOVE)
    sql.event(org, meter, 7, tx=ABOVE, source="import", billable=False)
    sql.event(org, meter, 3, tx=ABOVE, source="job", billable=False, billing_reason="retry", attempt="retry")
    sql.value(f"SELECT rollup_fold_span({ORGS}, %s)", ABOVE, ABOVE + 1)
    assert [found[1:6] for found in measured(sql, org)] == [row]
    assert [found[:3] for found in measured(sql, org, "attempt")] == [("retry", 0, 0)]


def test_a_fold_adds_histograms_and_a_void_takes_them_back(sql: Sql) -> None:
    org, meter = counted(sql, "sum", 2, tx=ABOVE, **ANSWERED)
    sql.value(f"SELECT rollup_fold_span({ORGS}, %s)", ABOVE, ABOVE + 1)
    assert [row[6:] for row in measured(sql, org)] == [PACKED]
    assert [row[6:] for row in measured(sql, org, "kind", "usage_months")] == [PACKED]
    assert [(row[0], *row[6:]) for row in measured(sql, org, "status")] == [("404", None, None, None)]
    sql.event(org, meter, -2, tx=ABOVE + 1, kind="k", source="void", reverses=uuid4(), **ANSWERED)
    sql.value(f"SELECT rollup_fold_span({ORGS}, %s)", ABOVE + 1, ABOVE + 2)
    assert [row[6:] for row in measured(sql, org)] == [(0, 0, 0)]
    total = f"SELECT {MEASURES} FROM usage_totals WHERE meter_id = %s AND dimension = 'hour'"
    assert sql.rows(total, meter) == [(None, None, None, 0, 0, 0)]


def test_a_rebuild_computes_what_folds_added(sql: Sql) -> None:
    org, meter = counted(sql, "sum", 2, 3, endpoint="/x", language="en", **ANSWERED)
    sql.event(org, meter, 4, tx=10, source="job", billable=False, billing_reason="retry")
    sql.value(f"SELECT rollup_fold_span({ORGS}, 11)", 10)
    tables = {table: measured(sql, org, "kind", table) for table in ("usage_days", "usage_months")}
    totals = f"SELECT dimension, value, quantity, events, {MEASURES} FROM usage_totals WHERE meter_id = %s ORDER BY 1"
    total = sql.rows(totals, meter)
    mark(sql, 11)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    sql.rows("SELECT rollup_rebuild_totals()")
    assert {table: measured(sql, org, "kind", table) for table in tables} == tables
    assert sql.rows(totals, meter) == total
    for bucket, day in (("day", TODAY), ("month", TODAY.replace(day=1))):
        asked = f"SELECT day, {MEASURES} FROM usage_measures(%s, %s, 11, 0) WHERE dimension = ''"
        twice = [2 * figure for figure in PACKED]
        assert sql.rows(asked, bucket, [org]) == [(day, None, 4, 1, *twice)]
    asked = f"SELECT day, value, {MEASURES} FROM usage_total_measures(11, 0) WHERE meter_id = %s AND dimension = 'hour'"
    assert sql.rows(asked, meter) == [(TODAY, "12", None, 4, 1, *twice)]


def test_usage_measured_has_histograms_for_dimensions_with_few_values(sql: Sql) -> None:
    org, _ = counted(sql, "sum", 5, provider="p", language="en", format="srt", **ANSWERED)
    found = sql.rows("SELECT dimension FROM usage_measured WHERE org_id = %s AND latency IS NOT NULL ORDER BY 1", org)
    assert [row[0] for row in found] == ["", "hour", "kind", "provider"]
    assert sql.value("SELECT count(*) FROM usage_measured WHERE org_id = %s", org) == 7


@pytest.mark.parametrize("upto", [0, 11, 99])
@pytest.mark.parametrize(("bucket", "first"), [("day", TODAY), ("month", TODAY.replace(day=1))])
def test_usage_analytics_is_true_wherever_the_mark_is(sql: Sql, upto: int, bucket: str, first: date) -> None:
    org, meter = counted(sql, "sum", 2, 3, **ANSWERED)
    sql.event(org, meter, 4, tx=20, source="job", billable=False, billing_reason="retry", kind="l")
    sql.event(org, meter, 7, tx=20, source="import", billable=False, kind="k", occurred_at=MONTHS[0])
    mark(sql, upto)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    figures = [2 * figure for figure in PACKED]
    asked = "SELECT * FROM usage_analytics(%s, %s, %s, %s, %s) ORDER BY value"
    assert sql.rows(asked, bucket, org, TODAY, TODAY, "kind") == [
        (first, meter, "k", 5, 2, None, None, None, *figures), (first, meter, "l", 0, 0, None, 4, 1, None, None, None),
    ]  # fmt: skip
    assert sql.rows(asked, bucket, org, TODAY, TODAY, "") == [(first, meter, "", 5, 2, None, 4, 1, *figures)]
    asked = "SELECT dimension, value, free_events, sizes FROM usage_over_time(%s, %s, %s, %s, NULL, NULL, %s, %s)"
    both = (bucket, org, TODAY, TODAY, ["kind", "", "provider"])
    assert sorted(sql.rows(asked, *both, True)) == [
        ("", "", 1, figures[2]), ("kind", "k", None, figures[2]), ("kind", "l", 1, None),
    ]  # fmt: skip
    assert sorted(sql.rows(asked, *both, False)) == [("", "", None, None), ("kind", "k", None, None)]


def test_usage_reference_is_what_the_host_product_calls_it(sql: Sql) -> None:
    org, subject, client = sql.org(), uuid4(), uuid4()
    sql.insert("subjects", org_id=org, id=subject, label="ada")
    sql.insert("clients", org_id=org, id=client, ref="c1", name="Client", created_at=NOW, made_by_event=False)
    asked = "SELECT usage_reference(%s, %s, %s)"
    assert sql.value(asked, org, "user", str(subject)) == "ada"
    assert sql.value(asked, sql.org(), "user", str(subject)) is None
    assert sql.value(asked, org, "client", str(client)) == "c1"
    assert sql.value(asked, org, "kind", "scan") == "scan"


def test_months_of_users_are_folded_and_rebuilt_alike(sql: Sql) -> None:
    user = uuid4()
    org, meter = counted(sql, "sum", 2, 3, tx=ABOVE, subject_id=user, format="srt")
    sql.event(org, meter, 9, tx=ABOVE, kind="k")  # of no user
    free = {"source": "job", "billable": False, "billing_reason": "retry", "attempt": "retry"}
    sql.event(org, meter, 4, tx=ABOVE + 1, subject_id=user, kind="k", **free)
    for upto in (ABOVE, ABOVE + 1):
        sql.rows(f"SELECT rollup_fold_span({ORGS}, %s)", upto, upto + 1)
    asked = "SELECT * FROM {} WHERE org_id = %s ORDER BY dimension"
    kept = sql.rows(asked.format("usage_user_months"), org)
    assert [row[1:] for row in kept] == [
        (user, TODAY.replace(day=1), meter, dimension, value, *figures)
        for dimension, value, figures in (
            ("attempt", "retry", (0, 0, None, 4, 1)), ("format", "srt", (5, 2, None, None, None)),
            ("kind", "k", (5, 2, None, 4, 1)),
        )
    ]  # fmt: skip
    assert sorted(sql.rows("SELECT * FROM usage_user_figures(%s, %s, 0)", [org], ABOVE + 2)) == sorted(kept)
    assert sql.value("SELECT count(*) FROM usage_by_user WHERE org_id = %s", org) == 6
    mark(sql, ABOVE + 2)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    assert sql.rows(asked.format("usage_user_months"), org) == kept


@pytest.mark.parametrize("upto", [0, 11, 99])
@pytest.mark.parametrize("valid", [True, False])
def test_a_users_months_are_true_wherever_the_mark_is(sql: Sql, upto: int, valid: bool) -> None:
    user, november, october = uuid4(), TODAY.replace(day=1), date(2026, 10, 1)
    org, meter = counted(sql, "sum", 2, 3, subject_id=user, provider="p")
    sql.event(org, meter, 9, tx=10, kind="k")  # of no user
    sql.event(org, meter, 4, tx=20, subject_id=user, kind="l", source="import", billable=False)
    sql.event(org, meter, 7, tx=20, subject_id=user, kind="k", occurred_at=MONTHS[0])
    mark(sql, upto)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    sql.rows("UPDATE rollup_orgs SET stale = %s WHERE org_id = %s", not valid, org)
    asked = (
        "SELECT month, meter_id, quantity, events, unbilled, free, free_events"
        " FROM usage_user_parts(%s, %s, %s, %s) WHERE dimension = '' ORDER BY 1"
    )
    assert sql.rows(asked, org, user, TODAY, TODAY) == [
        (october, meter, 7, 1, None, None, None), (november, meter, 9, 3, 4, None, None),
    ]  # fmt: skip
    recent = "SELECT dimension, month, value, quantity, events FROM usage_recent_user(%s, %s, %s, %s, 0) ORDER BY 1, 3"
    assert sql.rows(recent, org, user, TODAY, 15)[:3] == [
        ("", october, "", 7, 1), ("", november, "", 4, 1), ("kind", october, "k", 7, 1),
    ]  # fmt: skip
    assert sql.rows(recent, org, user, TODAY, 21) == []
    asked = (
        "SELECT month, dimension, value, quantity, events FROM usage_month_parts(%s, %s, %s, %s, %s) ORDER BY 1, 2, 3"
    )
    assert sql.rows(asked, org, user, TODAY, TODAY, 9) == [
        (october, "", "", 7, 1), (november, "", "", 9, 3), (november, "kind", "k", 5, 2), (november, "kind", "l", 4, 1),
        (november, "provider", "p", 5, 2),
    ]  # fmt: skip
    assert sql.rows(asked, org, user, october, TODAY, 9)[1] == (october, "kind", "k", 7, 1)
    assert sql.rows(asked, org, None, TODAY, TODAY, 1) == [
        (november, "", "", 18, 4), (november, "kind", "k", 14, 3), (november, "kind", None, 4, 1),
        (november, "provider", "p", 5, 2),
    ]  # fmt: skip


FILTERED = "SELECT * FROM usage_filtered(%s, %s, %s, %s, %s, NULL, NULL, %s, %s, %s, %s)"


@pytest.mark.parametrize(
    ("wanted", "filters", "picked", "found"),
    [
        ("", ["kind"], ["k"], [(None, 5, 2)]),
        ("endpoint", ["kind"], ["k"], [("/x", 2, 1), (None, 3, 1)]),
        ("kind", ["endpoint"], [None], [("k", 3, 1), (None, 4, 1)]),
        ("", ["kind", "endpoint"], ["k", "/x"], [(None, 2, 1)]),
        ("hour", ["kind"], [None], [("12", 4, 1)]),
        ("", ["hour"], ["11"], []),
    ],
)
def test_usage_filtered_reads_the_events_that_name_all_values(
    sql: Sql, wanted: str, filters: list[str], picked: list[str | None], found: list[Any]
) -> None:
    org, meter = counted(sql, "sum", 3)
    sql.event(org, meter, 2, kind="k", endpoint="/x")
    sql.event(org, meter, 4, kind=None)
    sql.event(org, sql.meter()[0], 9, kind="k")
    rows = sql.rows(FILTERED, org, meter, TODAY, TODAY, TODAY, wanted, filters, picked, 50)
    assert rows[0] == (TODAY, None, None, None, None)
    assert sorted((row[2:] for row in rows[1:] if row[1] == TODAY), key=str) == sorted(found, key=str)


def test_usage_filtered_reads_no_more_events_than_it_may(sql: Sql) -> None:
    org, meter = counted(sql, "sum", 3, 2)
    yesterday = TODAY - timedelta(days=1)
    sql.event(org, meter, 4, kind="k", occurred_at=NOW - timedelta(days=1))
    asked = (org, meter, yesterday, TODAY, TODAY, "", ["kind"], ["k"])
    both, one, none = (sql.rows(FILTERED, *asked, most) for most in (3, 2, 1))
    assert (both[0][0], sorted(row[1:] for row in both[1:])) == (
        yesterday, [(yesterday, None, 4, 1), (TODAY, None, 5, 2)],
    )  # fmt: skip
    assert (one[0][0], [row[1:] for row in one[1:]]) == (TODAY, [(TODAY, None, 5, 2)])
    assert none == []


def test_usage_filtered_has_no_value_run_as_sql_and_knows_its_dimensions(sql: Sql) -> None:
    org, meter = counted(sql, "sum", 3)
    hostile = ["k'; SELECT 1 --"]
    assert len(sql.rows(FILTERED, org, meter, TODAY, TODAY, TODAY, "", ["kind"], hostile, 50)) == 1
    with pytest.raises(psycopg.errors.RaiseException):
        sql.rows(FILTERED, org, meter, TODAY, TODAY, TODAY, "", ["tx"], ["1"], 50)


@pytest.mark.parametrize("upto", [0, 11, 99])
def test_usage_named_dimensions_are_those_with_values_wherever_the_mark_is(sql: Sql, upto: int) -> None:
    org, meter = counted(sql, "sum", 2, language="en")
    sql.event(org, meter, 4, tx=20, kind=None, format="srt")
    mark(sql, upto)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    asked = "SELECT * FROM usage_named_dimensions(%s, %s, %s, %s) ORDER BY 1"
    month = TODAY.replace(day=1)
    assert [row[0] for row in sql.rows(asked, org, meter, TODAY, TODAY)] == ["format", "hour", "kind", "language"]
    assert sql.rows(asked, org, meter, month - timedelta(days=9), month - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            "usage_dimensions(true, 'k', 'p', '/x', %(id)s, %(id)s, 7)",
            [("", "", True), ("kind", "k", True), ("provider", "p", True), ("endpoint", "/x", True), ("key", ID, True),
             ("plan", ID, False), ("hour", "07", True)],
        ),
        ("usage_dimensions(true, NULL, NULL, NULL, NULL, NULL, NULL)", [("", "", True)]),
        ("usage_dimensions(false, NULL, NULL, '/x', NULL, NULL, NULL)", [("endpoint", "/x", True)]),
        (
            "usage_label_dimensions(%(id)s, %(id)s, 'en', 'srt', 'retry', '404')",
            [("user", ID, False), ("client", ID, False), ("language", "en", False), ("format", "srt", False),
             ("attempt", "retry", False), ("status", "404", False)],
        ),
        ("usage_label_dimensions(NULL, NULL, 'en', NULL, NULL, NULL)", [("language", "en", False)]),
        (
            "usage_total_dimensions(true, %(id)s, 'k', 'p', '/x', 23)",
            [("", ""), ("plan", ID), ("kind", "k"), ("provider", "p"), ("endpoint", "/x"), ("hour", "23")],
        ),
        ("usage_total_dimensions(false, NULL, 'k', NULL, NULL, NULL)", [("kind", "k")]),
    ],
)  # fmt: skip
def test_dimensions_are_those_that_an_event_names(sql: Sql, asked: str, named: list[tuple[Any, ...]]) -> None:
    assert sql.rows(f"SELECT * FROM {asked.replace('%(id)s', repr(ID) + '::uuid')}") == named


@pytest.mark.parametrize("aggregation", ["sum", "count", "max", "unique"])
def test_usage_hour_is_that_of_the_clock_but_for_distinct_values(sql: Sql, aggregation: str) -> None:
    hour = sql.value("SELECT usage_hour(%s, TIMESTAMP '2026-11-21 23:59:59.9')", aggregation)
    assert hour == (None if aggregation == "unique" else 23)
