"""Rules 2.2 and 2.3 on the batch path, the set-based way and the exact one."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from app.metering.recording.batch import BatchTerms, record_batch
from tests.metering.world import MONTHS, NOW, World, event


def test_a_batch_counts_every_event_once_and_a_replay_adds_nothing(world: World) -> None:
    org = world.org(t_sum={"allowance": 10**6})
    events = [event("t_sum" if i % 2 else "t_count", i, user=f"u{i % 7}", kind=f"k{i % 3}") for i in range(500)]
    first, second = world.many(org, events), world.many(org, events)
    assert (first.recorded, first.duplicates, first.refused) == (500, 0, [])
    assert (second.recorded, second.duplicates, second.refused) == (0, 500, [])
    assert world.used(org) == sum(i for i in range(500) if i % 2)
    assert world.used(org, "t_count") == 250
    world.books_agree(org)


def test_a_batch_writes_the_same_rows_as_single_events(world: World) -> None:
    one, other = world.org(), world.org()
    fields = {
        "kind": 'a "quoted" \\ {brace}, ünïcode', "provider": "p", "endpoint": "/v1/x", "language": "de",
        "format": "pdf", "job": "j-1", "status_code": 201, "response_ms": 0, "file_bytes": 2**62, "user": "NULL",
        "metadata": {"a": '"\\'},
    }  # fmt: skip
    ids = [str(uuid4()), "plain", "ünïcode"]
    for org in (one, other):
        world.run(
            "INSERT INTO clients (id, org_id, ref, name, created_at) VALUES (%s, %s, 'c,1', 'c', now())", (uuid4(), org)
        )
    for each in ids:
        assert world.one(one, event(id=each, quantity="1.5", client="c,1", **fields)).code == "recorded"
    batch = [event(id=each, quantity="1.5", client="c,1", **fields) for each in ids] + [event(id="bare")]
    assert world.many(other, batch).recorded == 4
    assert world.one(one, event(id="bare")).code == "recorded"
    asked = (
        "SELECT event_id, key, meter_id, quantity, e.occurred_at, recorded_at, kind, provider, endpoint, language,"
        " format, job_id, status_code, response_ms, file_bytes, billable, source, s.label, c.ref, d.metadata,"
        " k.content, e.details_hash = sha256(d.salt || convert_to(d.metadata::text, 'UTF8'))"
        " FROM usage_events e JOIN usage_keys k USING (org_id, key)"
        " LEFT JOIN event_details d USING (org_id, key)"
        " LEFT JOIN subjects s ON s.id = e.subject_id LEFT JOIN clients c ON c.id = e.client_id"
        " WHERE e.org_id = %s ORDER BY event_id"
    )
    assert world.run(asked, (one,)) == world.run(asked, (other,))
    assert len(world.run(asked, (one,))) == 4


def test_duplicates_and_conflicts_inside_one_batch_the_first_counts(world: World) -> None:
    org = world.org(t_sum={"allowance": 1000})
    batch = [event(id="a", quantity=1), event(id="a", quantity=2), event(id="a", quantity=1), event(id="b", quantity=4)]
    done = world.many(org, batch)
    assert (done.recorded, done.duplicates) == (2, 1)
    assert [(each.index, each.code) for each in done.refused] == [(1, "id_conflict")]
    again = world.many(org, batch)
    assert (again.recorded, again.duplicates) == (0, 3)
    assert [(each.index, each.code) for each in again.refused] == [(1, "id_conflict")]
    assert world.used(org) == 5


@pytest.mark.parametrize("limited", [False, True])
def test_one_bad_event_never_fails_its_batch(world: World, limited: bool) -> None:
    org = world.org(t_sum={"allowance": 3 if limited else 1000})
    world.run("UPDATE orgs SET clients_listed_only = true WHERE id = %s", (org,))
    batch = [
        event(), event("nothing"), event(quantity="-1"), event(client="nobody"), event(quantity="NaN"),
        event(occurred_at=NOW - timedelta(days=36)), event(occurred_at=NOW + timedelta(minutes=6)), event("t_people"),
        event(metadata={"a": "x" * 5000}), event(quantity=2), event(quantity=0),
    ]  # fmt: skip
    done = world.many(org, batch)
    assert done.recorded == 3
    assert [(each.index, each.code) for each in done.refused] == [
        (1, "unknown_meter"), (2, "bad_quantity"), (3, "unknown_client"), (4, "bad_quantity"), (5, "event_too_old"),
        (6, "event_in_future"), (7, "invalid_event"), (8, "invalid_event"),
    ]  # fmt: skip
    assert world.used(org) == 3
    world.books_agree(org)


def test_at_a_limit_a_too_large_event_is_refused_and_a_later_smaller_one_admitted(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    done = world.many(org, [event(quantity=q) for q in (4, 7, 3, 4, 3, 1)])
    assert done.recorded == 3
    assert [each.index for each in done.refused] == [1, 3, 5]
    assert world.used(org) == 10
    world.books_agree(org)


def test_an_event_refused_at_a_limit_leaves_its_id_to_a_later_one_in_the_batch(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    done = world.many(org, [event(id="a", quantity=11), event(id="a", quantity=10), event(id="a", quantity=10)])
    assert (done.recorded, done.duplicates, [each.index for each in done.refused]) == (1, 1, [0])
    assert world.one(org, event(id="a", quantity=10)).code == "duplicate"
    world.books_agree(org)


def test_known_ids_in_a_batch_answer_first_even_when_the_limit_is_reached(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    world.one(org, event(id="a", quantity=10))
    done = world.many(org, [event(id="b"), event(id="a", quantity=10), event(id="a", quantity=1)])
    assert (done.recorded, done.duplicates) == (0, 1)
    assert [(each.index, each.code) for each in done.refused] == [(0, "quota_exceeded"), (2, "id_conflict")]


def test_a_batch_spans_periods_and_opens_those_that_are_due(world: World) -> None:
    org = world.org(periods=False)
    at = [MONTHS[2] - timedelta(days=5), MONTHS[2] - timedelta(microseconds=1), MONTHS[2], NOW]
    assert world.many(org, [event(quantity=1, occurred_at=each) for each in at]).recorded == 4
    assert (world.used(org, period=MONTHS[1]), world.used(org)) == (2, 2)
    world.books_agree(org)


def test_an_event_outside_the_time_window_opens_no_period(world: World) -> None:
    org = world.org(periods=False)
    done = world.many(org, [event(occurred_at=NOW - timedelta(days=400))])
    assert [each.code for each in done.refused] == ["event_too_old"]
    assert world.run("SELECT 1 FROM usage_periods WHERE org_id = %s", (org,)) == []


def test_max_and_unique_meters_keep_their_limits_in_batches(world: World) -> None:
    org = world.org(t_max={"allowance": 10}, t_people={"allowance": 2})
    batch = [event("t_max", q) for q in (3, 11, 10, 7)] + [event("t_people", user=u) for u in ("a", "b", "a", "c")]
    done = world.many(org, batch)
    assert [each.index for each in done.refused] == [1, 7]
    assert (world.used(org, "t_max"), world.used(org, "t_people")) == (10, 2)
    world.books_agree(org)


def test_windows_hold_inside_a_batch(world: World) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_minute": 5, "per_day": 7})
    done = world.many(org, [event(quantity=q) for q in (3, 3, 2, 1)])
    assert [each.index for each in done.refused] == [1, 3]
    later = world.many(org, [event(quantity=q) for q in (3, 2)], NOW + timedelta(minutes=1))
    assert [each.index for each in later.refused] == [0]
    assert world.used(org) == 7


def test_imported_events_pass_limits_take_any_time_and_are_not_priced(world: World) -> None:
    org = world.org(t_sum={"allowance": 1}, t_max={"allowance": 1}, t_people={"allowance": 0})
    terms = BatchTerms("import", billable=False, limited=False, oldest=MONTHS[0])
    at = MONTHS[0] + timedelta(days=1)
    batch = [event(quantity=5, occurred_at=at), event("t_max", 7, occurred_at=at), event("t_people", user="a")]
    done = record_batch(world.recorder, org, batch, key_id=None, now=NOW, terms=terms)
    assert (done.recorded, done.refused) == (3, [])
    rows = world.run("SELECT used, unbilled FROM usage_counters WHERE org_id = %s ORDER BY meter_id", (org,))
    assert rows == [(5, 5), (7, 7), (1, 1)]
    labels = world.run("SELECT DISTINCT source, billable, billing_reason FROM usage_events WHERE org_id = %s", (org,))
    assert labels == [("import", False, "import")]


def test_an_empty_batch_records_nothing(world: World) -> None:
    done = world.many(world.org(), [])
    assert (done.recorded, done.duplicates, done.refused) == (0, 0, [])


def test_five_thousand_events_of_five_thousand_users_fit_in_one_call(world: World) -> None:
    org = world.org(t_sum={"allowance": 4000})
    done = world.many(org, [event(user=f"u{i}") for i in range(5000)])
    assert (done.recorded, len(done.refused)) == (4000, 1000)
    world.books_agree(org)
