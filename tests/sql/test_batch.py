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
     ({"p_at": [MONTHS[2]], "p_newest": MONTHS[2]}, "TK004")],
)  # fmt: skip
def test_usage_record_batch_asks_for_the_exact_way_or_a_period(sql: Sql, given: dict[str, Any], code: str) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    sql.limit(org, meter, allowance=10)
    with pytest.raises(Exception, match="event by event" if code == "TK002" else "no usage period") as caught:  # noqa: SIM117
        with sql.connection.transaction():
            record(sql, org, [key], [(1, 1)], **given)
    assert caught.value.sqlstate == code  # type: ignore[attr-defined]


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
        " %s, %s, %s, %s, '{1,1,1}', '{6,5,4}', %s, NULL, NULL)",
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
            "SELECT usage_consume_admitted(%s, %s, %s, '{max}', %s, %s::numeric[], '{1}', '{day,hour,minute}', %s,"
            " %s::numeric[])",
            org, billable, [meter], [MONTHS[1]], [quantity], [NOW] * 3, [quantity, None, None],
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
    asked = "SELECT usage_batch_fits(%s, %s, %s, '{sum}', %s, '{1,1}', %s::numeric[], %s)"
    assert sql.value(asked, org, NOW, [meter], [MONTHS[1]], quantities, [NOW, NOW]) is fits
    take = "SELECT usage_consume_batch(%s, %s, true, true, %s, %s, %s::numeric[], '{2}')"
    arguments = (org, NOW, [meter], [MONTHS[1]], [sum(quantities)])
    sql.insert("usage_counters", org_id=org, meter_id=meter, period_start=MONTHS[1])  # the first row is never refused
    if "per_hour" in limit:
        sql.insert("usage_windows", org_id=org, meter_id=meter, span="hour", starts_at=NOW.replace(minute=0, second=0))
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
