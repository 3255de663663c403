"""Proof of one number: which event is not what was recorded, by the key that claimed it (1-mission, item 14)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from msgspec import Raw

from app.kit.periods import Period
from app.metering.verification.contents import EventFinding, find_changed_events
from app.metering.verification.period_figures import (
    CountedUsage,
    compare_daily_totals,
    count_events,
    find_event_number,
    list_left_out,
)
from tests.metering.books import Books
from tests.metering.world import MONTHS, NOW, event

NOVEMBER = Period(MONTHS[2], MONTHS[3])


@pytest.fixture
def org(books: Books) -> UUID:
    """An org with events of every kind: with and without time, metadata, user and client, imported."""
    made = books.org()
    books.imported(made, [event("t_sum", 8), event("t_count", kind="old")])
    books.many(made, [
        event("t_sum", "2.50", id="plain", kind="a", provider="p", endpoint="e", language="de", format="pdf", job="j"),
        event("t_sum", 1, id="one", response_ms=5, status_code=200, file_bytes=9),
        event("t_sum", 3, id="with metadata", metadata=Raw(b'{"b": 1.50, "a": [1, "x"]}')),
        event("t_people", id="user", user="ada"),
        event("t_max", 7, id="0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21"),
    ])  # fmt: skip
    books.one(made, event("t_sum", 4, id="without a time"))
    return made


def find(books: Books, org: UUID, limit: int = 10) -> list[EventFinding]:
    with books.transaction() as session:
        return find_changed_events(session, org, NOVEMBER, limit)


def tamper(books: Books, org: UUID, statement: str) -> list[tuple[str, str | None]]:
    """As a superuser could, with the triggers out of the way; what is found then."""
    with psycopg.connect(books.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, (org,))
    return [(each.what, each.event_id) for each in find(books, org)]


def test_events_are_what_was_recorded(books: Books, org: UUID) -> None:
    assert find(books, org) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE usage_events SET quantity = 5 WHERE org_id = %s AND event_id = 'plain'", [("changed", "plain")]),
        ("UPDATE usage_events SET quantity = 1 WHERE org_id = %s AND event_id = 'without a time'",
         [("changed", "without a time")]),
        ("UPDATE usage_events SET kind = 'b' WHERE org_id = %s AND event_id = 'plain'", [("changed", "plain")]),
        ("UPDATE usage_events SET event_id = 'other' WHERE org_id = %s AND event_id = 'one'", [("changed", "other")]),
        ("DELETE FROM usage_events WHERE org_id = %s AND event_id = 'one'", [("missing", None)]),
        ("UPDATE usage_events SET occurred_at = occurred_at + interval '1m' WHERE org_id = %s AND event_id = 'one'",
         [("missing", None), ("moved", "one")]),
        ("DELETE FROM usage_keys WHERE org_id = %s AND key = left(encode(sha256('one'), 'hex'), 32)::uuid",
         [("unclaimed", "one")]),
    ],
)  # fmt: skip
def test_a_changed_event_is_named(books: Books, org: UUID, statement: str, found: list[tuple[str, str | None]]) -> None:
    assert tamper(books, org, statement) == found


def test_what_could_have_been_renamed_or_erased_is_not_held_against_the_event(books: Books, org: UUID) -> None:
    tamper(books, org, "UPDATE subjects SET label = 'eda' WHERE org_id = %s")
    assert [(each.event_id, each.certain) for each in find(books, org)] == [("user", False)]


def test_a_void_fits_what_it_reverses(books: Books, org: UUID) -> None:
    key = books.run("SELECT key FROM usage_events WHERE org_id = %s AND event_id = 'plain'", (org,))[0][0]
    books.run(
        "SELECT usage_void(org => %s, voided => %s, at => now(), oldest => '-infinity',"
        " salt => '\\x00', details => '{}')",
        (org, key),
    )
    assert find(books, org) == []
    voided = tamper(books, org, "UPDATE usage_events SET quantity = -1 WHERE org_id = %s AND source = 'void'")
    assert voided == [("changed", "void of plain")]


def test_a_period_is_counted_again_with_what_is_left_out(books: Books, org: UUID) -> None:
    books.fold()
    meter = books.meter("t_sum")
    with books.transaction() as session:
        assert count_events(session, org, NOVEMBER)[meter] == CountedUsage(10.5, 8, 5)
        assert count_events(session, org, NOVEMBER, below=0) == {}
        assert find_event_number(session, org, NOVEMBER.start) == 8
        left = {(each.meter_id, each.reason): each.events for each in list_left_out(session, org, NOVEMBER)}
        assert left == {(meter, "imported"): 1, (books.meter("t_count"), "imported"): 1}
        totals = compare_daily_totals(session, org, NOVEMBER)
        assert (totals[meter].days, totals[meter].differing) == (1, 0)
    tamper(books, org, "UPDATE usage_events SET quantity = 5 WHERE org_id = %s AND event_id = 'plain'")
    with books.transaction() as session:
        totals = compare_daily_totals(session, org, NOVEMBER)
    assert (totals[meter].differing, totals[meter].first) == (1, NOW.date())
    assert totals[books.meter("t_max")].differing == 0
    later = Period(NOW + timedelta(days=40), NOW + timedelta(days=70))
    with books.transaction() as session:
        assert count_events(session, org, later) == {}
