"""Clients: found by id or reference, made by the event that names them first, refused once deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.metering.schemas import Event
from tests.metering.world import NOW, World, event

MAKE = "INSERT INTO clients (id, org_id, ref, name, created_at, deleted_at) VALUES (%s, %s, %s, 'c', now(), %s)"


def codes(world: World, org: UUID, sent: Event, *, batch: bool) -> str:
    """What becomes of an event, alone or in a batch."""
    if not batch:
        return world.one(org, sent).code
    done = world.many(org, [sent])
    return done.refused[0].code if done.refused else "recorded" if done.recorded else "duplicate"


def clients(world: World, org: UUID) -> list[tuple[Any, ...]]:
    return world.run("SELECT ref, name, made_by_event FROM clients WHERE org_id = %s ORDER BY ref", (org,))


@pytest.mark.parametrize("batch", [False, True])
def test_a_client_is_named_by_reference_or_by_id_of_the_same_org(world: World, batch: bool) -> None:
    org, live, foreign = world.org(), uuid4(), uuid4()
    world.run(MAKE, (live, org, "anna", None))
    world.run(MAKE, (foreign, world.org(), "carl", None))
    for named in ("anna", str(live)):
        assert codes(world, org, event(client=named), batch=batch) == "recorded"
    assert world.run("SELECT DISTINCT client_id FROM usage_events WHERE org_id = %s", (org,)) == [(live,)]
    assert codes(world, org, event(client=str(foreign)), batch=batch) == "recorded"  # one of this org's, made now
    assert [ref for ref, *_ in clients(world, org)] == sorted([str(foreign), "anna"])


@pytest.mark.parametrize("batch", [False, True])
def test_an_event_makes_the_client_that_it_names_first(world: World, batch: bool) -> None:
    org = world.org(t_sum={"allowance": 10})
    for _ in range(2):
        assert codes(world, org, event(client="new"), batch=batch) == "recorded"
    assert clients(world, org) == [("new", "new", True)]
    assert world.run("SELECT count(DISTINCT client_id) FROM usage_events WHERE org_id = %s", (org,)) == [(1,)]
    assert world.run("SELECT count(*) FROM audit_entries WHERE org_id = %s", (org,)) == [(0,)]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    "refused", [event(quantity=11), event("nothing"), event(occurred_at=NOW - timedelta(days=40)), event("t_people")]
)
def test_a_refused_event_makes_no_client(world: World, refused: Event, batch: bool) -> None:
    org = world.org(t_sum={"allowance": 10})
    refused.client, refused.id = "new", str(uuid4())
    assert codes(world, org, refused, batch=batch) not in {"recorded", "unknown_client"}
    assert clients(world, org) == []


def test_a_conflict_or_a_duplicate_makes_no_client(world: World) -> None:
    org, sent = world.org(), event()
    world.one(org, sent)
    for batch in (False, True):
        assert codes(world, org, event(id=sent.id, client="new"), batch=batch) == "id_conflict"
    assert clients(world, org) == []


def test_a_batch_makes_its_clients_and_counts_each_once(world: World) -> None:
    org = world.org(t_sum={"allowance": 6})
    done = world.many(org, [event(quantity=3, client=name) for name in ("b", "a", "b", "c")])
    assert (done.recorded, [each.index for each in done.refused]) == (2, [2, 3])
    assert [ref for ref, *_ in clients(world, org)] == ["a", "b"]
    world.books_agree(org)


@pytest.mark.parametrize("batch", [False, True])
def test_where_only_listed_clients_count_an_unknown_one_is_refused(world: World, batch: bool) -> None:
    org = world.org()
    world.run("UPDATE orgs SET clients_listed_only = true WHERE id = %s", (org,))
    world.run(MAKE, (uuid4(), org, "anna", None))
    assert codes(world, org, event(client="anna"), batch=batch) == "recorded"
    assert codes(world, org, event(client="new"), batch=batch) == "unknown_client"
    assert [ref for ref, *_ in clients(world, org)] == ["anna"]


@pytest.mark.parametrize("batch", [False, True])
def test_a_deleted_client_has_the_events_that_happened_before(world: World, batch: bool) -> None:
    org, gone = world.org(), uuid4()
    world.run(MAKE, (gone, org, "bert", NOW - timedelta(hours=1)))
    for named in ("bert", str(gone)):
        before, after = NOW - timedelta(hours=1, microseconds=1), NOW - timedelta(hours=1)
        assert codes(world, org, event(client=named, occurred_at=before), batch=batch) == "recorded"
        assert codes(world, org, event(client=named, occurred_at=after), batch=batch) == "client_deleted"
        assert codes(world, org, event(client=named), batch=batch) == "client_deleted"
    assert world.run("SELECT DISTINCT client_id FROM usage_events WHERE org_id = %s", (org,)) == [(gone,)]


def test_many_at_once_make_one_client(world: World) -> None:
    org = world.org()
    with ThreadPoolExecutor(8) as pool:
        one = list(pool.map(lambda n: world.one(org, event(client=f"c{n % 3}")).code, range(24)))
        many = list(pool.map(lambda n: world.many(org, [event(client=f"d{n % 2}"), event(client="e")]), range(8)))
    assert set(one) == {"recorded"}
    assert [done.recorded for done in many] == [2] * 8
    assert [ref for ref, *_ in clients(world, org)] == ["c0", "c1", "c2", "d0", "d1", "e"]
    world.books_agree(org)
