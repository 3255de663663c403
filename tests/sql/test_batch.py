"""A batch: what fits as a whole, what is decided one by one, what is taken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.metering.write_calls import BatchCall, BatchColumns
from tests.sql.conftest import MONTHS, NOW, Sql

ZERO = UUID(int=0)


def record(sql: Sql, org: UUID, meters: list[str], events: list[tuple[int, int]], **given: Any) -> tuple[Any, ...]:
    """Record (meter by position, quantity) each with an id of its own; what is not given is None."""
    call = dict.fromkeys((*BatchCall._fields, *BatchColumns._fields)) | {
        "p_org": org, "p_now": NOW, "p_oldest": NOW - timedelta(days=35), "p_newest": NOW, "p_source": "api",
        "p_billable": True, "p_limited": True, "p_exact": False, "p_flush": False, "p_meters": meters,
        "p_ids": [str(number) for number in range(len(events))], "p_keys": [uuid4() for _ in events],
        "p_contents": [ZERO] * len(events), "p_meter": [meter for meter, _ in events],
        "p_quantity": [quantity for _, quantity in events],
    } | given  # fmt: skip
    named = ", ".join(f"{name} => %s" for name in call)
    statement = f"CALL usage_record_batch({named}, recorded => NULL, duplicates => NULL, refused => NULL)"
    casts = {"p_quantity": "numeric[]", "p_meter": "integer[]", "p_user": "integer[]", "p_salt": "uuid[]"}
    for name, kind in casts.items():
        statement = statement.replace(f"{name} => %s", f"{name} => %s::{kind}")
    return sql.rows(statement, *call.values())[0]


@pytest.mark.parametrize("exact", [False, True])
def test_usage_record_batch_records_what_fits_once(sql: Sql, exact: bool) -> None:
    org, (first, a), (second, b) = sql.org(), sql.meter(), sql.meter("count")
    sql.limit(org, first, allowance=20, per_day=20)
    keys = [uuid4() for _ in range(3)]
    for outcome in ((3, 0, None), (0, 3, None)):
        assert record(sql, org, [a, b], [(1, 4), (1, 6), (2, 9)], p_keys=keys, p_exact=exact) == outcome
    counted = "SELECT meter_id, used, events FROM usage_counters WHERE org_id = %s ORDER BY meter_id"
    assert sql.rows(counted, org) == [(first, 10, 2), (second, 1, 1)]
    assert sql.value("SELECT used FROM usage_windows WHERE org_id = %s", org) == 10


@pytest.mark.parametrize(
    ("given", "code"),
    [({"p_meters": ["none"]}, "TK002"), ({"p_clients": ["none"], "p_client": [1]}, "TK002"),
     ({"p_at": [NOW - timedelta(days=36)]}, "TK002"), ({"p_quantity": [11]}, "TK002"),
     ({"p_at": [MONTHS[2]], "p_newest": MONTHS[2]}, "TK004"),
     ({"p_at": [MONTHS[2]], "p_newest": MONTHS[2], "p_exact": True}, "TK004")],
)  # fmt: skip
def test_usage_record_batch_asks_for_the_exact_way_or_a_period(sql: Sql, given: dict[str, Any], code: str) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    sql.limit(org, meter, allowance=10)
    with pytest.raises(Exception, match="event by event" if code == "TK002" else "not open") as caught:  # noqa: SIM117
        with sql.connection.transaction():
            record(sql, org, [key], [(1, 1)], **given)
    assert caught.value.sqlstate == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("p_exact", [False, True])
@pytest.mark.parametrize("missing", [True, False])
def test_a_batch_whose_terms_are_missing_or_have_run_out_asks_for_them(sql: Sql, missing: bool, p_exact: bool) -> None:
    """Never unlimited: nothing is recorded until the terms are resolved. Imports pass limits and need none."""
    org, (meter, key) = sql.org(), sql.meter()
    if missing:
        sql.rows("DELETE FROM terms_in_force WHERE org_id = %s", org)
    else:
        sql.terms(org, meter, MONTHS[1], valid_until=NOW)
    with pytest.raises(Exception, match="unresolved") as caught, sql.connection.transaction():
        record(sql, org, [key], [(1, 1)], p_exact=p_exact)
    assert caught.value.sqlstate == "TK004"  # type: ignore[attr-defined]
    assert record(sql, org, [key], [(1, 1)], p_exact=p_exact, p_limited=False)[0] == 1


@pytest.mark.parametrize(
    ("aggregation", "limit", "admitted", "spans"),
    [
        ("sum", {"allowance": 10}, [True, False, True], ["period"]),
        ("sum", {"per_day": 5}, [False, True, False], ["day", "day"]),
        ("sum", {"policy": "charge", "allowance": 1}, [True, True, True], []),
        ("count", {"allowance": 2}, [True, True, False], ["period"]),
        ("max", {"allowance": 5}, [False, True, True], ["period"]),
    ],
)
def test_usage_admit_decides_in_the_order_of_the_batch(
    sql: Sql, aggregation: str, limit: dict[str, Any], admitted: list[bool], spans: list[str]
) -> None:
    """Three events of 6, 5 and 4."""
    org, (meter, _) = sql.org(), sql.meter(aggregation)
    sql.limit(org, meter, **limit)
    found, duplicates, refused = sql.rows(
        "SELECT admitted, duplicates, refused FROM usage_admit(%s, %s, %s, %s, true, true, %s, %s, ARRAY[NULL], NULL,"
        " NULL, %s, %s, '{UTC}', %s, %s, '{1,1,1}', '{6,5,4}', %s, NULL, NULL)",
        org, NOW, NOW, NOW, [meter], [aggregation], [MONTHS[1]], [MONTHS[2]], [uuid4() for _ in range(3)], [ZERO] * 3,
        [NOW] * 3,
    )[0]  # fmt: skip
    assert (found, duplicates) == (admitted, 0)
    assert [each["facts"]["span"] for each in refused or ()] == spans
    assert {each["code"] for each in refused or ()} <= {"quota_exceeded"}
    if refused:
        assert [each["index"] for each in refused] == [place for place, took in enumerate(admitted) if not took]


@pytest.mark.parametrize(
    ("quantities", "billable", "used", "unbilled"),
    [((3, 5), True, 5, 0), ((3, 5), False, 5, 5), ((), True, None, None)],
)
def test_usage_consume_admitted_keeps_the_greatest_of_a_maximum(
    sql: Sql, quantities: tuple[int, ...], billable: bool, used: int | None, unbilled: int | None
) -> None:
    org, (meter, _) = sql.org(), sql.meter("max")
    for quantity in quantities:
        sql.rows(
            "SELECT usage_consume_admitted(%s, %s, %s, '{max}', %s, %s::numeric[], '{0}', '{1}', '{1,1,1}',"
            " '{day,hour,minute}', %s, %s, %s::numeric[])",
            org, billable, [meter], [MONTHS[1]], [quantity], [NOW] * 3, [NOW] * 3, [quantity, None, None],
        )  # fmt: skip
    found = sql.rows("SELECT used, unbilled FROM usage_counters WHERE org_id = %s", org)
    assert found == ([] if used is None else [(used, unbilled)])


@pytest.mark.parametrize(
    ("quantities", "limit", "fits"),
    [([4, 6], {"allowance": 10}, True), ([4, 7], {"allowance": 10}, False), ([4, 6], {"per_hour": 9}, False),
     ([4, 6], {"policy": "charge", "allowance": 1}, True), ([4, 6], {"policy": "warn", "hard_limit": 9}, False)],
)  # fmt: skip
def test_usage_batch_fits_and_usage_consume_batch_judge_alike(
    sql: Sql, quantities: list[int], limit: dict[str, Any], fits: bool
) -> None:
    org, (meter, _) = sql.org(), sql.meter()
    sql.limit(org, meter, **limit)
    asked = "SELECT usage_batch_fits(%s, %s, %s, '{sum}', %s, '{UTC}', '{1,1}', %s::numeric[], %s)"
    assert sql.value(asked, org, NOW, [meter], [MONTHS[1]], quantities, [NOW, NOW]) is fits
    take = (
        "SELECT usage_consume_batch(%s, %s, true, true, %s, '{sum}', %s, '{UTC}', '{1,1}', %s::numeric[], %s, %s, %s,"
        " %s::numeric[], '{2}')"
    )
    sums = ([meter], [MONTHS[1]], [sum(quantities)])
    arguments = (org, NOW, [meter], [MONTHS[1]], quantities, [NOW, NOW], *sums)
    sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=MONTHS[1])  # the first row is never refused
    if "per_hour" in limit:
        sql.window(org, meter, "hour", NOW.replace(minute=0, second=0))
    if fits:
        sql.rows(take, *arguments)
        assert sql.value("SELECT used FROM usage_counters WHERE org_id = %s", org) == sum(quantities)
    else:
        sql.fails("TK002", take, *arguments)


def test_usage_batch_subjects_are_one_id_a_label_in_order(sql: Sql) -> None:
    org = sql.org()
    known = sql.value("SELECT usage_subject(%s, 'b')", org)
    first = sql.value("SELECT usage_batch_subjects(%s, '{c,b,a}')", org)
    assert first[1] == known
    assert len(set(first)) == 3
    assert sql.value("SELECT usage_batch_subjects(%s, '{a,b,c}')", org) == first[::-1]


def test_usage_batch_subjects_never_returns_fewer_ids_than_labels(sql: Sql) -> None:
    sql.fails("P0001", "SELECT usage_batch_subjects(%s, %s::text[])", sql.org(), ["a", None, "b"])


def test_usage_batch_values_are_those_of_single_events(sql: Sql) -> None:
    subject = uuid4()
    found = sql.value(
        "SELECT usage_batch_values('{user,kind}', %s, NULL, '{1,2,2}', '{a,a,\"\"}', NULL, NULL, NULL, NULL, '{1,0,0}',"
        " NULL, NULL)",
        [subject],
    )
    one = "SELECT usage_value(%s, 'a', NULL, NULL, NULL, NULL, %s, NULL, NULL)"
    assert found == [sql.value(one, "user", subject), sql.value(one, "kind", subject), None]


def test_usage_batch_conflicts_are_known_ids_with_other_content(sql: Sql) -> None:
    org, same, other = sql.org(), uuid4(), uuid4()
    for key in (same, other):
        sql.insert("usage_keys", org_id=org, key=key, content=b"\0" * 16, occurred_at=NOW)
    asked = "SELECT usage_batch_conflicts(%s, %s, %s, %s::integer[])"
    keys = [same, uuid4(), other]
    conflicts = sql.value(asked, org, keys, [ZERO, ZERO, UUID(int=1)], [2])
    assert conflicts == [{"index": 2, "code": "id_conflict"}]
    assert sql.value(asked, org, keys[1:2], [ZERO], [1]) is None


def test_a_repeated_event_reads_its_own_key_however_many_the_org_has(sql: Sql) -> None:
    """Also in a session that planned when there were few, as the product's do once."""
    org, key = sql.org(), uuid4()
    keys = (
        "INSERT INTO usage_keys (org_id, key, content, occurred_at) SELECT %s, {}, %s, %s FROM generate_series(1, %s)"
    )
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'usage_keys'::regclass"
    asked, arguments = "SELECT usage_batch_conflicts(%s, %s, %s, '{1}')", (org, [uuid4(), key], [ZERO, ZERO])
    for setting in ("plan_cache_mode = force_generic_plan", "enable_seqscan = off"):
        sql.rows(f"SET LOCAL {setting}")
    sql.rows("DISCARD PLANS")
    sql.rows(keys.format("%s"), org, key, b"\0" * 16, NOW, 1)
    assert sql.value(asked, *arguments) is None
    sql.rows(keys.format("gen_random_uuid()"), org, b"\0" * 16, NOW, 5_000)
    before = sql.value(read)
    assert sql.value(asked, *arguments) is None
    assert sql.value(read) - before < 10


def test_labels_of_users_are_looked_up_one_by_one(sql: Sql) -> None:
    org = sql.org()
    made = "INSERT INTO subjects (org_id, id, label) SELECT %s, gen_random_uuid(), {} FROM generate_series(1, %s) n"
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'subjects'::regclass"
    for setting in ("plan_cache_mode = force_generic_plan", "enable_seqscan = off"):
        sql.rows(f"SET LOCAL {setting}")
    sql.rows("DISCARD PLANS")
    sql.rows(made.format("'ada'"), org, 1)
    known = sql.value("SELECT usage_batch_subjects(%s, '{ada}')", org)
    sql.rows(made.format("'user-' || n"), org, 5_000)
    before = sql.value(read)
    assert sql.value("SELECT usage_batch_subjects(%s, '{ada,bob}')", org)[0] == known[0]
    assert sql.value(read) - before < 10


def in_batch(sql: Sql, **limit: Any) -> tuple[UUID, tuple[Any, ...]]:
    """An org and the arguments of the functions on windows: 3 a minute ago, then 4 and 5 now, of one meter."""
    org, (meter, _) = sql.org(), sql.meter()
    sql.limit(org, meter, policy="charge", allowance=0, **limit)
    at = [NOW - timedelta(minutes=1), NOW, NOW]
    return org, (org, NOW, [meter], ["sum"], [MONTHS[1]], ["UTC"], [1, 1, 1], [3, 4, 5], at)


ON_WINDOWS = "%s, %s, %s, %s, %s, %s, %s, %s::numeric[], %s"


def test_usage_batch_spans_has_a_row_a_minute_and_span(sql: Sql) -> None:
    _, arguments = in_batch(sql, per_day=100, per_minute=9)
    found = sql.rows(
        f"SELECT m, period, span, cap, quantity FROM usage_batch_spans({ON_WINDOWS}) ORDER BY span, minute", *arguments
    )
    assert found == [(1, 1, "day", 100, 3), (1, 1, "day", 100, 9), (1, 1, "minute", 9, 3), (1, 1, "minute", 9, 9)]


def test_usage_admit_windows_numbers_each_window_with_what_it_counts(sql: Sql) -> None:
    org, arguments = in_batch(sql, per_day=100, per_minute=9)
    sql.window(org, arguments[2][0], "day", NOW.replace(hour=0, minute=0, second=0), 7)
    found = sql.rows(f"SELECT n, m, span, cap, used FROM usage_admit_windows({ON_WINDOWS}) ORDER BY n", *arguments)
    assert found == [(1, 1, "day", 100, 7), (2, 1, "minute", 9, 0), (3, 1, "minute", 9, 0)]


def test_usage_consume_batch_windows_adds_to_the_windows_in_which_it_happened(sql: Sql) -> None:
    org, arguments = in_batch(sql, per_day=15, per_minute=9)
    sql.rows(f"SELECT usage_consume_batch_windows({ON_WINDOWS})", *arguments)
    counted = "SELECT span, used FROM usage_windows WHERE org_id = %s ORDER BY span, starts_at"
    assert sql.rows(counted, org) == [("day", 12), ("minute", 3), ("minute", 9)]
    sql.fails("TK002", f"SELECT usage_consume_batch_windows({ON_WINDOWS})", *arguments)
