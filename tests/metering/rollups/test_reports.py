"""What staff see: totals of all orgs with the events above the watermark, and the greatest users of a month."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.metering.rollups import reports
from tests.metering.books import FIRST, LAST, Books
from tests.metering.world import NOW, event

TODAY = NOW.date()
PREPARED = 7
"""The driver prepares a statement after it has sent it five times."""


@pytest.mark.parametrize("folded", [False, True])
def test_totals_per_kind_add_up_over_orgs_and_days(books: Books, folded: bool) -> None:
    one, other = books.org(), books.org()
    kind, yesterday = f"kind-{uuid4()}", NOW - timedelta(days=1)
    books.many(one, [event("t_sum", 3, kind=kind), event("t_sum", 4, kind=kind, occurred_at=yesterday)])
    books.many(other, [event("t_sum", 5, kind=kind), event("t_max", 9, kind=kind), event("t_max", 2, kind=kind)])
    if folded:
        books.fold()
    meter, peak = books.meter("t_sum"), books.meter("t_max")
    with books.transaction() as session:
        by_day = [each for each in reports.list_daily_totals(session, FIRST, LAST, "kind") if each.value == kind]
        whole = {
            each.meter_id: each for each in reports.list_totals(session, FIRST, LAST, "kind") if each.value == kind
        }
    assert {(each.day, each.meter_id): each.quantity for each in by_day} == {
        (TODAY, meter): 8,
        (TODAY - timedelta(days=1), meter): 4,
        (TODAY, peak): 9,
    }
    assert (whole[meter].quantity, whole[meter].events, whole[peak].quantity) == (12, 3, 9)


def test_totals_without_a_dimension_hold_everything_of_a_day(books: Books) -> None:
    day = date(2026, 9, 17)
    at = NOW.replace(month=9, day=17)
    books.imported(books.org(), [event("t_sum2", 6, occurred_at=at)])
    books.imported(books.org(), [event("t_sum2", 7, occurred_at=at, provider="p")])
    books.fold()
    with books.transaction() as session:
        found = reports.list_daily_totals(session, day, day)
    assert [(each.meter_id, each.quantity) for each in found] == [(books.meter("t_sum2"), 13)]


def test_versions_of_a_plan_are_added_up_under_its_key(books: Books) -> None:
    org = books.org()
    plan, key = uuid4(), f"p{uuid4().hex[:12]}"
    books.run(
        "INSERT INTO plans (id, key, name, summary, public, is_default, position)"
        " VALUES (%s, %s, 'Plan', '', false, false, 0)",
        (plan, key),
    )
    for number in (1, 2):
        version = uuid4()
        books.run(
            "INSERT INTO plan_versions (id, plan_id, number, content_hash) VALUES (%s, %s, %s, sha256('x'))",
            (version, plan, number),
        )
        books.run(
            "INSERT INTO plans_in_force (org_id, starts_at, plan_version_id) VALUES (%s, %s, %s)",
            (org, NOW - timedelta(days=3 - number), version),
        )
        books.one(org, event("t_sum", number, occurred_at=NOW - timedelta(days=3 - number)))
    books.fold()
    with books.transaction() as session:
        found = [each.quantity for each in reports.list_totals(session, FIRST, LAST, "plan") if each.value == key]
    assert found == [3]


@pytest.mark.parametrize("dimension", ["kind", "provider"])
def test_values_that_are_no_plan_are_never_read_as_one(books: Books, dimension: str) -> None:
    """Even by a plan that holds for every dimension, which PostgreSQL takes once a connection has asked a few times."""
    value = f"no-version-{uuid4()}"
    books.one(books.org(), event("t_sum", 2, **{dimension: value}))
    books.fold()
    with books.transaction() as session:
        session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        for _ in range(PREPARED):
            by_day = reports.list_daily_totals(session, FIRST, LAST, dimension)
            whole = reports.list_totals(session, FIRST, LAST, dimension)
            assert [each.quantity for each in by_day if each.value == value] == [2]
            assert [each.quantity for each in whole if each.value == value] == [2]


def test_the_top_orgs_of_a_month_are_in_order(books: Books) -> None:
    orgs = [books.org() for _ in range(3)]
    for place, org in enumerate(orgs):
        events = [event("t_sum2", 10**12 * (place + 1), occurred_at=NOW.replace(month=10))]
        books.many(org, events, now=NOW.replace(month=10))
    books.fold()
    with books.transaction() as session:
        found = reports.list_top_orgs(session, date(2026, 10, 21), books.meter("t_sum2"), 2)
    assert [each.org_id for each in found] == [orgs[2], orgs[1]]
    assert found[0].quantity == 3 * 10**12


def test_the_top_orgs_of_days_count_these_days_only(books: Books) -> None:
    early, late = books.org(), books.org()
    for org, day, amount in ((early, 3, 4), (early, 9, 90), (late, 4, 5)):
        at = NOW.replace(month=9, day=day)
        books.imported(org, [event("t_sum2", amount * 10**12, occurred_at=at)])
    books.fold()
    with books.transaction() as session:
        found = reports.list_top_orgs_of_days(session, date(2026, 9, 3), date(2026, 9, 8), books.meter("t_sum2"), 2)
    assert [(each.org_id, each.quantity) for each in found] == [(late, 5 * 10**12), (early, 4 * 10**12)]


def test_active_orgs_and_users_are_counted_once_each(books: Books) -> None:
    with books.transaction() as session:
        before = reports.count_active(session, TODAY, TODAY)
    org = books.org()
    books.many(org, [event("t_sum", user="a"), event("t_sum", user="a"), event("t_count", user="b")])
    books.fold()
    with books.transaction() as session:
        after = reports.count_active(session, TODAY, TODAY)
        assert reports.find_folded_at(session) == NOW
    # other tests' orgs may have been folded in between
    assert after.orgs > before.orgs
    assert after.users >= before.users + 2
