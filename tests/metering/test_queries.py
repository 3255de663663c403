"""Reads of one org's usage: the page of the open period says what the counters say, before and after any fold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.metering import breakdowns, queries
from tests.metering.books import FIRST, LAST, Books
from tests.metering.world import MONTHS, NOW, event


def test_a_page_shows_roll_up_plus_tail_and_only_its_own_org(books: Books) -> None:
    org, stranger = books.org(), books.org()
    books.many(org, [event("t_sum", 3, kind="a"), event("t_max", 3)])
    books.many(stranger, [event("t_sum", 100, kind="a")])
    books.fold()
    books.many(org, [event("t_sum", 4, kind="b"), event("t_max", 2)])
    books.many(stranger, [event("t_sum", 100, kind="b")])
    assert books.days(org) == {(NOW.date(), "t_sum", ""): 7, (NOW.date(), "t_max", ""): 3}
    assert books.days(org, "kind") == {(NOW.date(), "t_sum", "a"): 3, (NOW.date(), "t_sum", "b"): 4}
    assert books.months(org)[date(2026, 11, 1), "t_sum", ""] == books.used(org) == 7


@pytest.mark.parametrize("folded", [False, True])
def test_a_period_that_starts_and_ends_within_a_day_is_cut_exactly(books: Books, folded: bool) -> None:
    org = books.org(zone="Europe/Berlin")
    start, end = datetime(2026, 11, 5, 14, 23, tzinfo=UTC), datetime(2026, 11, 8, 9, 0, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    for at in (start - instant, start, start + timedelta(days=1), end - instant, end):
        books.many(org, [event("t_sum", 1, occurred_at=at), event("t_kinds", kind="k", occurred_at=at)])
    if folded:
        books.fold()
    found = books.days(org, since=start, until=end)
    days = [date(2026, 11, 5), date(2026, 11, 6), date(2026, 11, 8)]
    assert found == {(day, meter, ""): 1 for day in days for meter in ("t_sum", "t_kinds")}
    assert sum(books.days(org).values()) == 5 + 3


def test_shares_are_named_and_unique_values_are_counted_over_the_whole_span(books: Books) -> None:
    org, client = books.org(), uuid4()
    books.run(
        "INSERT INTO clients (id, org_id, ref, name, created_at) VALUES (%s, %s, 'c1', 'First client', now())",
        (client, org),
    )
    for day in (1, 2):
        at = NOW - timedelta(days=day)
        books.one(org, event("t_sum", day, occurred_at=at, client="c1", user="ada"))
        books.one(org, event("t_people", occurred_at=at, user="ada"))
    books.fold()
    with books.transaction() as session:
        by_client = breakdowns.list_usage_by_dimension(session, org, FIRST, LAST, "client")
        by_user = {
            each.meter_id: each for each in breakdowns.list_usage_by_dimension(session, org, FIRST, LAST, "user")
        }
        whole = {each.meter_id: each for each in breakdowns.list_usage_by_dimension(session, org, FIRST, LAST, "")}
    assert [(each.part, each.label, each.value, each.quantity, each.events) for each in by_client] == [
        ("value", "First client", str(client), 3, 2),
        ("not given", "", "", 1, 2),  # of the meter that counts people
    ]
    assert by_user[books.meter("t_sum")].label == "ada"
    assert (whole[books.meter("t_people")].quantity, whole[books.meter("t_people")].events) == (1, 2)


def test_unique_values_of_the_hour_that_comes_twice_at_midnight_belong_to_the_new_day(books: Books) -> None:
    org, first = books.org(zone="America/Havana"), datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    books.one(org, event("t_people", occurred_at=first, user="ada"))
    with books.transaction() as session:
        october = breakdowns.list_usage_by_dimension(session, org, date(2026, 10, 1), date(2026, 10, 31), "")
        november = breakdowns.list_usage_by_dimension(session, org, date(2026, 11, 1), date(2026, 11, 30), "")
    assert ([each.quantity for each in october], [each.quantity for each in november]) == ([], [1])


def test_an_erased_users_share_stays_without_the_name(books: Books) -> None:
    org = books.org()
    books.one(org, event("t_sum", 2, user="bob"))
    books.run("UPDATE subjects SET label = NULL, erased_at = now() WHERE org_id = %s", (org,))
    with books.transaction() as session:
        shares = breakdowns.list_usage_by_dimension(session, org, FIRST, LAST, "user")
    assert [(each.label, each.quantity) for each in shares] == [("erased user", 2)]


def parts(books: Books, org: UUID, dimension: str, meter: str, limit: int = 200) -> list[tuple[object, ...]]:
    with books.transaction() as session:
        rows = breakdowns.list_usage_by_dimension(
            session, org, FIRST, LAST, dimension, meter_id=books.meter(meter), limit=limit
        )
    return [(each.part, each.label, each.quantity, each.events) for each in rows]


@pytest.mark.parametrize("folded", [False, True])
def test_events_without_a_value_have_a_row_of_their_own(books: Books, folded: bool) -> None:
    org = books.org()
    given = [("1.5", "/a"), ("2.25", "/b"), ("10.000001", None)]
    books.many(org, [event("t_sum", quantity, endpoint=endpoint) for quantity, endpoint in given])
    books.many(org, [event("t_max", 7), event("t_max", 5, endpoint="/a"), event("t_people", user="ada")])
    if folded:
        books.fold()
    assert parts(books, org, "endpoint", "t_sum") == [
        ("value", "/b", Decimal("2.25"), 1), ("value", "/a", Decimal("1.5"), 1),
        ("not given", "", Decimal("10.000001"), 1),
    ]  # fmt: skip
    assert parts(books, org, "kind", "t_sum") == [("not given", "", Decimal("13.750001"), 3)]
    assert parts(books, org, "", "t_sum") == [("value", "", Decimal("13.750001"), 3)]
    assert parts(books, org, "endpoint", "t_max") == [("value", "/a", 5, 1), ("not given", "", 7, 1)]
    assert parts(books, org, "kind", "t_people") == [("not given", "", 1, 1)]
    with books.transaction() as session:
        asked = {"meter_id": books.meter("t_sum")}
        days = breakdowns.list_daily_usage_by_dimension(session, org, FIRST, LAST, "endpoint", **asked)
        whole = breakdowns.list_daily_usage_by_dimension(session, org, FIRST, LAST, "", **asked)
    assert [(each.day, each.part, each.label, each.quantity) for each in days] == [
        (NOW.date(), "value", "/a", Decimal("1.5")), (NOW.date(), "value", "/b", Decimal("2.25")),
        (NOW.date(), "not given", "", Decimal("10.000001")),
    ]  # fmt: skip
    assert [(each.part, each.quantity) for each in whole] == [("value", Decimal("13.750001"))]


def test_many_values_of_one_meter_hide_none_of_another(books: Books) -> None:
    org = books.org()
    books.many(org, [event("t_sum", 1, user=f"u{number}") for number in range(1100)])
    books.many(org, [event("t_sum2", number, user=f"u{number}") for number in (1, 2, 3)])
    shown = [("value", "u3", 3, 1), ("value", "u2", 2, 1), ("value", "u1", 1, 1)]
    assert parts(books, org, "user", "t_sum2") == shown
    assert parts(books, org, "user", "t_sum2", limit=1) == [shown[0], ("others", "", 3, 2)]
    first, *_, last = parts(books, org, "user", "t_sum")
    assert (first[0], last) == ("value", ("others", "", 900, 900))


def test_lifetime_totals_go_over_all_periods(books: Books) -> None:
    org = books.org()
    past = NOW - timedelta(days=30)
    for at, kind in ((past, "a"), (NOW, "a"), (NOW, "b")):
        books.many(
            org,
            [
                event("t_sum", 5, occurred_at=at),
                event("t_max", 5 if at == past else 3, occurred_at=at),
                event("t_kinds", kind=kind, occurred_at=at),
            ],
        )
    with books.transaction() as session:
        found = {each.meter_id: each for each in queries.list_lifetime_usage(session, org)}
    assert [found[books.meter(key)].used for key in ("t_sum", "t_max", "t_kinds")] == [15, 5, 2]
    assert [books.used(org, period=month) for month in MONTHS[1:3]] == [5, 10]


def test_the_latest_events_are_those_that_happened_last(books: Books) -> None:
    org = books.org()
    for hours in (3, 1, 2):
        books.one(org, event("t_sum", hours, occurred_at=NOW - timedelta(hours=hours), user="ada", kind="k"))
    with books.transaction() as session:
        found = queries.list_latest_events(session, org, 2)
    assert [(each.quantity, each.meter, each.user, each.kind) for each in found] == [
        (Decimal(1), "t_sum", "ada", "k"),
        (Decimal(2), "t_sum", "ada", "k"),
    ]


def test_imported_usage_counts_and_is_marked_as_never_priced(books: Books) -> None:
    org = books.org()
    books.imported(org, [event("t_sum", 8), event("t_max", 8)])
    books.many(org, [event("t_sum", 2), event("t_max", 5)])
    counted = "SELECT m.key, c.used, c.unbilled FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
    assert books.run(f"{counted} WHERE c.org_id = %s ORDER BY m.key", (org,)) == [("t_max", 8, 3), ("t_sum", 10, 8)]
    assert books.differences(org) == []
