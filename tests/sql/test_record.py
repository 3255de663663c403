"""One event: decided, written, and both together."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.metering.write_calls import EventInput
from tests.sql.conftest import MONTHS, NOW, Sql

ROW = "ROW(" + ", ".join(["%s"] * len(EventInput._fields)) + ")::usage_event_input"
OLDEST, NEWEST = NOW - timedelta(days=35), NOW + timedelta(minutes=5)


def fields(meter: str, **given: Any) -> tuple[Any, ...]:
    sent = dict.fromkeys(EventInput._fields) | {
        "id": "e", "key": uuid4(), "content": b"0" * 16, "meter": meter, "quantity": 1, "at": NOW, **given,
    }  # fmt: skip
    return tuple(sent.values())


def record(sql: Sql, org: UUID, event: tuple[Any, ...]) -> tuple[Any, ...]:
    call = f"CALL usage_record(%s, %s, %s, %s, NULL, {ROW}, false, NULL, NULL)"
    return sql.rows(call, org, NOW, OLDEST, NEWEST, *event)[0]


def decide(sql: Sql, org: UUID, event: tuple[Any, ...]) -> tuple[Any, ...]:
    call = f"SELECT outcome, facts, delta FROM usage_decide(%s, %s, %s, %s, {ROW})"
    return sql.rows(call, org, NOW, OLDEST, NEWEST, *event)[0]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({}, None),
        ({"at": OLDEST - timedelta(seconds=1)}, "event_too_old"),
        ({"at": NEWEST + timedelta(seconds=1)}, "event_in_future"),
        ({"meter": "none"}, "unknown_meter"),
        ({"client": "nobody"}, None),
        ({"at": MONTHS[0] - timedelta(days=1)}, "event_too_old"),
        ({"quantity": 11}, "quota_exceeded"),
    ],
)
def test_usage_decide_answers_what_usage_record_does(sql: Sql, event: dict[str, Any], code: str | None) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    sql.limit(org, meter, allowance=10)
    sent = fields(**{"meter": key} | event)
    assert decide(sql, org, sent)[0] == code
    assert sql.value("SELECT count(*) FROM usage_keys WHERE org_id = %s", org) == 0
    assert record(sql, org, sent)[0] == (code or "recorded")
    assert sql.value("SELECT count(*) FROM usage_events WHERE org_id = %s", org) == (code is None)


@pytest.mark.parametrize("missing", ["usage_periods", "terms_in_force"])
def test_usage_decide_asks_for_a_period_that_is_not_open_and_for_terms_that_are_missing(sql: Sql, missing: str) -> None:
    org, (_, key) = sql.org(), sql.meter()
    sql.rows(f"DELETE FROM {missing} WHERE org_id = %s", org)
    assert decide(sql, org, fields(key))[0] == "unresolved"


def test_usage_decide_asks_for_terms_that_have_run_out(sql: Sql) -> None:
    org, (meter, key) = sql.org(), sql.meter()
    sql.terms(org, meter, MONTHS[1], valid_until=NOW + timedelta(seconds=1))
    assert decide(sql, org, fields(key))[0] is None
    sql.terms(org, meter, MONTHS[1], valid_until=NOW)
    assert decide(sql, org, fields(key))[0] == "unresolved"


@pytest.mark.parametrize(("content", "outcome"), [(b"0" * 16, "duplicate"), (b"1" * 16, "id_conflict")])
def test_usage_previous_outcome_answers_for_an_id_of_before(sql: Sql, content: bytes, outcome: str) -> None:
    org, (_, key), event_key = sql.org(), sql.meter(), uuid4()
    assert sql.value("SELECT usage_previous_outcome(%s, %s, %s)", org, event_key, content) is None
    record(sql, org, fields(key, key=event_key))
    assert sql.value("SELECT usage_previous_outcome(%s, %s, %s)", org, event_key, content) == outcome
    again = fields(key, key=event_key, content=content)
    assert decide(sql, org, again)[0] == record(sql, org, again)[0] == outcome


@pytest.mark.parametrize(
    ("aggregation", "quantities", "used", "unbilled"),
    [("sum", (2, 3), 5, 0), ("count", (2, 3), 2, 0), ("max", (3, 2), 3, 0), ("unique", (1, 1), 1, 0)],
)
def test_usage_record_adds_up_as_the_meter_says(
    sql: Sql, aggregation: str, quantities: tuple[int, ...], used: int, unbilled: int
) -> None:
    org, (_, key) = sql.org(), sql.meter(aggregation, "kind" if aggregation == "unique" else None)
    for quantity in quantities:
        assert record(sql, org, fields(key, quantity=quantity, kind="page"))[0] == "recorded"
    counted = "SELECT used, unbilled, events FROM usage_counters WHERE org_id = %s"
    assert sql.rows(counted, org) == [(used, unbilled, len(quantities))]


@pytest.mark.parametrize(
    ("dimension", "sent", "outcome"), [("kind", {}, "invalid_event"), ("kind", {"kind": "k"}, None)]
)
def test_a_unique_meter_needs_its_dimension(
    sql: Sql, dimension: str, sent: dict[str, str], outcome: str | None
) -> None:
    org, (_, key) = sql.org(), sql.meter("unique", dimension)
    facts = {"dimension": dimension} if outcome else None
    assert decide(sql, org, fields(key, **sent))[:2] == (outcome, facts)


def test_usage_write_raises_when_the_limit_was_reached_meanwhile(sql: Sql) -> None:
    """What usage_decide saw is no longer so: here, because its answer is older than the counter."""
    org, (meter, key) = sql.org(), sql.meter()
    sql.limit(org, meter, allowance=10)
    sent = fields(key, quantity=10)
    write = (
        f"SELECT usage_write(%s, %s, NULL, {ROW},"
        " (NULL, NULL, %s, false, %s, %s, NULL, 'UTC', 10, NULL, NULL, NULL, NULL, NULL, NULL, 10, false)"
        "::usage_decision)"
    )
    period = (meter, MONTHS[1], MONTHS[2])
    assert sql.value(write, org, NOW, *sent, *period) == "recorded"
    assert sql.value(write, org, NOW, *sent, *period) == "duplicate"
    error = sql.fails("TK001", write, org, NOW, *fields(key, quantity=10), *period)
    assert '"used": "10.000000"' in str(error.diag.message_detail)


def test_usage_record_flushes_only_where_it_may_commit(sql: Sql) -> None:
    org, (_, key) = sql.org(), sql.meter()
    call = f"CALL usage_record(%s, %s, %s, %s, NULL, {ROW}, true, NULL, NULL)"
    sql.fails("2D000", call, org, NOW, OLDEST, NEWEST, *fields(key))  # invalid_transaction_termination


def test_details_are_written_apart_and_hashed(sql: Sql) -> None:
    org, (_, key) = sql.org(), sql.meter()
    record(sql, org, fields(key, salt=b"s" * 16, metadata='{"a": 1}'))
    assert sql.rows(
        "SELECT d.metadata, e.details_hash = sha256(d.salt || convert_to(d.metadata::text, 'UTF8'))"
        " FROM usage_events e JOIN event_details d USING (org_id, key) WHERE org_id = %s",
        org,
    ) == [({"a": 1}, True)]


def test_usage_subject_is_one_id_a_label(sql: Sql) -> None:
    org = sql.org()
    first = sql.value("SELECT usage_subject(%s, 'u-1')", org)
    assert sql.value("SELECT usage_subject(%s, 'u-1')", org) == first
    assert sql.value("SELECT usage_subject(%s, 'u-2')", org) != first
    assert sql.rows("SELECT label FROM subjects WHERE org_id = %s ORDER BY label", org) == [("u-1",), ("u-2",)]


def test_usage_client_is_named_by_reference_or_by_id(sql: Sql) -> None:
    org, client, gone = sql.org(), uuid4(), uuid4()
    sql.insert("clients", id=client, org_id=org, ref="c-1", name="c", created_at=NOW)
    sql.insert("clients", id=gone, org_id=org, ref="c-2", name="c", created_at=NOW, deleted_at=NOW)
    twin = uuid4()
    sql.insert("clients", id=twin, org_id=org, ref=str(client), name="named like the id of another", created_at=NOW)
    for named, found, ends in (
        ("c-1", client, None), (str(client), client, None), ("c-2", gone, NOW), (str(gone), gone, NOW),
        ("c", None, None),
    ):  # fmt: skip
        assert sql.rows("SELECT id, deleted_at FROM usage_client(%s, %s)", org, named) == [(found, ends)]
    assert sql.rows("SELECT id FROM usage_client(%s, %s)", sql.org(), str(client)) == [(None,)]


def test_usage_new_clients_are_ids_for_the_missing_ones(sql: Sql) -> None:
    org, known = sql.org(), uuid4()
    made = sql.value("SELECT usage_new_clients(%s, %s)", org, [known, None, None])
    assert made[0] is None
    assert len(set(made)) == 3
    sql.rows("UPDATE orgs SET clients_listed_only = true WHERE id = %s", org)
    assert sql.value("SELECT usage_new_clients(%s, %s)", org, [known, None]) == [None, None]


@pytest.mark.slow
def test_usage_new_clients_stops_at_100000_an_org(sql: Sql) -> None:
    org = sql.org()
    sql.rows(
        "INSERT INTO clients (id, org_id, ref, name, created_at, made_by_event)"
        " SELECT gen_random_uuid(), %s, n::text, n::text, %s, true FROM generate_series(1, 99999) n",
        org, NOW,
    )  # fmt: skip
    made = sql.value("SELECT usage_new_clients(%s, %s)", org, [None, None])
    assert [each is None for each in made] == [False, True]


def test_accounts_make_clients_makes_all_or_asks_to_repeat(sql: Sql) -> None:
    org, ids = sql.org(), [uuid4(), uuid4()]
    make = "SELECT accounts_make_clients(%s, %s, %s, %s)"
    sql.rows(make, org, ids, ["b" * 255, "a"], NOW)
    made = sql.rows("SELECT id, name, made_by_event FROM clients WHERE org_id = %s ORDER BY ref", org)
    assert made == [(ids[1], "a", True), (ids[0], "b" * 200, True)]
    sql.fails("TK005", make, org, [uuid4(), uuid4()], ["c", "a"], NOW)
    sql.rows(make, org, None, None, NOW)


@pytest.mark.parametrize(
    ("dimension", "text"),
    [("kind", "K"), ("provider", "P"), ("endpoint", "E"), ("language", "L"), ("format", "F"), ("job", "J"),
     ("user", "00000000-0000-0000-0000-000000000001"), ("client", "00000000-0000-0000-0000-000000000002"),
     ("other", None)],
)  # fmt: skip
def test_usage_value_hashes_the_dimension(sql: Sql, dimension: str, text: str | None) -> None:
    ids = [UUID(int=number) for number in (1, 2)]
    found = sql.value("SELECT usage_value(%s, 'K', 'P', 'E', 'L', 'F', %s, %s, 'J')", dimension, *ids)
    assert found == sql.value("SELECT substr(sha256(convert_to(%s::text, 'UTF8')), 1, 16)", text)


@pytest.mark.parametrize("item", ["K", "ä €", "", None])
def test_usage_value_hash_is_half_of_the_items_sha256(sql: Sql, item: str | None) -> None:
    expected = None if item is None else sha256(item.encode()).digest()[:16]
    assert sql.value("SELECT usage_value_hash(%s)", item) == expected


def test_usage_value_counted_knows_what_its_period_has_counted(sql: Sql) -> None:
    org, (meter, key) = sql.org(), sql.meter("unique", "kind")
    record(sql, org, fields(key, kind="k"))
    value = sql.value("SELECT value_hash FROM usage_uniques WHERE org_id = %s", org)
    counts = "SELECT usage_value_counted(%s, %s, %s, %s)"
    assert sql.value(counts, org, meter, MONTHS[1], value)
    assert not sql.value(counts, org, meter, MONTHS[0], value)
    assert not sql.value(counts, org, meter, MONTHS[1], b"0" * 16)
    assert decide(sql, org, fields(key, kind="k"))[2] == Decimal(0)


def test_usage_partitions_makes_the_months_once(sql: Sql) -> None:
    far = datetime.fromisoformat("2032-05-15T00:00:00+00:00")
    assert [sql.value("SELECT usage_partitions(%s, 1, 1)", far) for _ in range(2)] == [6, 0]
    assert sql.value("SELECT to_regclass('usage_events_203206') IS NOT NULL")
    sql.fails("TK003", "TRUNCATE usage_events_203206")
