"""Rules 2.2 and 2.3 on the single path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from tests.metering.world import MONTHS, NOW, World, event


def test_an_event_counts_once_and_its_row_holds_what_was_sent(world: World) -> None:
    org = world.org()
    sent = event(quantity="2.50", kind="chat", provider="acme", status_code=200, response_ms=31, file_bytes=2**40)
    assert world.one(org, sent).code == "recorded"
    row = world.run(
        "SELECT quantity, kind, provider, status_code, response_ms, file_bytes, occurred_at, recorded_at, source,"
        " billable FROM usage_events WHERE org_id = %s",
        (org,),
    )
    assert row == [(Decimal("2.5"), "chat", "acme", 200, 31, 2**40, NOW, NOW, "api", True)]
    assert world.used(org) == Decimal("2.5")


def test_the_same_content_again_is_a_duplicate_and_counts_once(world: World) -> None:
    org = world.org()
    for code in ("recorded", "duplicate", "duplicate"):
        assert world.one(org, event(id="order-7", quantity="1.0")).code == code
    assert world.one(org, event(id="order-7", quantity=1)).code == "duplicate"
    assert world.used(org) == 1
    world.books_agree(org)


@pytest.mark.parametrize("changed", [{"quantity": 2}, {"kind": "chat"}, {"meter": "t_count"}, {"occurred_at": NOW}])
def test_other_content_under_a_known_id_is_a_conflict(world: World, changed: dict[str, object]) -> None:
    org = world.org()
    assert world.one(org, event(id="a")).code == "recorded"
    assert world.one(org, event(**({"id": "a"} | changed))).code == "id_conflict"
    assert world.used(org) == 1


def test_spelling_is_not_content(world: World) -> None:
    org = world.org()
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    same = {"id": "a", "quantity": "3.10", "occurred_at": at, "metadata": {"b": 1, "a": 2}}
    assert world.one(org, event(**same)).code == "recorded"
    berlin = at.astimezone(tz=__import__("zoneinfo").ZoneInfo("Europe/Berlin"))
    again = same | {"quantity": "3.1", "occurred_at": berlin, "metadata": {"a": 2, "b": 1}}
    assert world.one(org, event(**again)).code == "duplicate"


def test_the_same_id_of_another_org_is_another_event(world: World) -> None:
    first, second = world.org(), world.org()
    assert world.one(first, event(id="a")).code == "recorded"
    assert world.one(second, event(id="a", quantity=9)).code == "recorded"


def test_a_uuid_and_another_id_with_its_hash_conflict_rather_than_vanish(world: World) -> None:
    from hashlib import sha256
    from uuid import UUID

    org = world.org()
    twin = str(UUID(sha256(b"order-7").hexdigest()[:32]))
    assert world.one(org, event(id="order-7")).code == "recorded"
    assert world.one(org, event(id=twin)).code == "id_conflict"


def test_a_known_id_answers_first_however_old(world: World) -> None:
    org = world.org()
    old = NOW - timedelta(days=30)
    assert world.one(org, event(id="a", occurred_at=old)).code == "recorded"
    later = NOW + timedelta(days=60)
    assert world.one(org, event(id="a", occurred_at=old), now=later).code == "duplicate"
    assert world.one(org, event(id="a", occurred_at=old, quantity=5), now=later).code == "id_conflict"
    assert world.one(org, event(id="a", occurred_at=old, meter="nothing"), now=later).code == "id_conflict"


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (-timedelta(days=35), "recorded"),
        (-timedelta(days=35, microseconds=1), "event_too_old"),
        (timedelta(minutes=5), "recorded"),
        (timedelta(minutes=5, microseconds=1), "event_in_future"),
    ],
)
def test_events_are_taken_from_35_days_back_to_5_minutes_ahead(world: World, shift: timedelta, code: str) -> None:
    org = world.org()
    assert world.one(org, event(occurred_at=NOW + shift)).code == code
    assert world.events(org) == (code == "recorded")


def test_the_time_window_is_judged_before_the_meter(world: World) -> None:
    assert world.one(world.org(), event("nothing", occurred_at=NOW - timedelta(days=99))).code == "event_too_old"


def test_a_refused_event_claims_no_id(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    assert world.one(org, event("nothing", id="a")).code == "unknown_meter"
    assert world.one(org, event(id="a", quantity=11)).code == "quota_exceeded"
    assert world.one(org, event(id="a", quantity=10)).code == "recorded"
    world.books_agree(org)


def test_an_archived_meter_is_unknown(world: World) -> None:
    key = f"t_old_{uuid4().hex[:8]}"
    world.run(
        "INSERT INTO meters (key, name, unit, aggregation, archived_at) VALUES (%s, 'x', 'x', 'sum', now())", (key,)
    )
    assert world.one(world.org(), event(key)).code == "unknown_meter"


def test_a_user_label_becomes_an_opaque_subject(world: World) -> None:
    org = world.org()
    for label in ("u-1", "u-2", "u-1"):
        assert world.one(org, event(user=label)).code == "recorded"
    rows = world.run(
        "SELECT s.label, count(*) FROM usage_events e JOIN subjects s ON s.org_id = e.org_id AND"
        " s.id = e.subject_id WHERE e.org_id = %s GROUP BY 1 ORDER BY 1",
        (org,),
    )
    assert rows == [("u-1", 2), ("u-2", 1)]


def test_metadata_stands_apart_under_a_salted_hash_that_verifies(world: World) -> None:
    org = world.org()
    assert world.one(org, event(metadata={"file": "ä.mp3", "n": 1.5})).code == "recorded"
    assert world.one(org, event()).code == "recorded"
    rows = world.run(
        "SELECT d.metadata, e.details_hash = sha256(d.salt || convert_to(d.metadata::text, 'UTF8')), octet_length(salt)"
        " FROM usage_events e JOIN event_details d USING (org_id, key, occurred_at) WHERE e.org_id = %s",
        (org,),
    )
    assert rows == [({"file": "ä.mp3", "n": 1.5}, True, 16)]


def test_each_event_keeps_the_plan_version_in_force_when_it_happened(world: World) -> None:
    org, old, new = world.org(), uuid4(), uuid4()
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # terms refer to real versions; these are labels
        for start, version in ((MONTHS[1], old), (NOW - timedelta(days=1), new)):
            connection.execute("INSERT INTO plans_in_force VALUES (%s, %s, %s)", (org, start, version))
    world.one(org, event(occurred_at=NOW - timedelta(days=2)))
    world.one(org, event(occurred_at=NOW))
    world.many(org, [event(occurred_at=NOW - timedelta(days=2)), event(occurred_at=NOW)])
    rows = world.run("SELECT plan_version_id, count(*) FROM usage_events WHERE org_id = %s GROUP BY 1", (org,))
    assert dict(rows) == {old: 2, new: 2}


def test_a_late_event_counts_in_the_period_in_which_it_happened(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    assert world.one(org, event(quantity=10)).code == "recorded"
    assert world.one(org, event(quantity=10, occurred_at=NOW - timedelta(days=25))).code == "recorded"
    assert (world.used(org), world.used(org, period=MONTHS[1])) == (10, 10)


def test_a_period_that_is_not_open_is_opened_once_and_the_event_recorded(world: World) -> None:
    org = world.org(periods=False)
    world.opened.clear()
    assert world.one(org, event()).code == "recorded"
    assert world.one(org, event()).code == "recorded"
    assert world.opened == [(org, NOW)]
    world.books_agree(org)


@pytest.mark.parametrize("statement", ["UPDATE usage_events SET quantity = 0", "DELETE FROM usage_events"])
def test_events_are_never_changed_or_deleted_even_by_the_owner(world: World, statement: str) -> None:
    org = world.org()
    world.one(org, event())
    partition = world.run("SELECT tableoid::regclass::text FROM usage_events WHERE org_id = %s", (org,))[0][0]
    for table in ("usage_events", partition):
        with pytest.raises(psycopg.Error, match="cannot be changed"):
            world.by_hand(f"{statement.replace('usage_events', table)} WHERE org_id = %s", (org,))
        with pytest.raises(psycopg.Error, match="cannot be changed"):
            world.by_hand(f"TRUNCATE {table}")
