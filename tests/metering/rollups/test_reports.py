"""What staff see: totals of all orgs with the events above the watermark, and the greatest users of a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.metering.rollups import reports
from app.metering.rollups.active import count_active
from app.metering.rollups.total_parts import Dimension, Span, TotalsQuestion, UsagePart, list_usage_parts
from tests.metering.books import FIRST, LAST, Books
from tests.metering.world import NOW, event

TODAY = NOW.date()
PREPARED = 7
"""The driver prepares a statement after it has sent it five times."""


def parts(books: Books, asked: TotalsQuestion, span: Span = "day") -> Sequence[UsagePart]:
    with books.transaction() as session:
        return list_usage_parts(session, asked, span)


@pytest.mark.parametrize("folded", [False, True])
def test_totals_per_kind_add_up_over_orgs_and_days(books: Books, folded: bool) -> None:
    one, other = books.org(), books.org()
    kind, yesterday = f"kind-{uuid4()}", NOW - timedelta(days=1)
    books.many(one, [event("t_sum", 3, kind=kind), event("t_sum", 4, kind=kind, occurred_at=yesterday)])
    books.many(other, [event("t_sum", 5, kind=kind), event("t_max", 9, kind=kind), event("t_max", 2, kind=kind)])
    if folded:
        books.fold()
    meter, peak = books.meter("t_sum"), books.meter("t_max")
    found = [each for each in parts(books, TotalsQuestion(FIRST, LAST, "kind")) if each.value == kind]
    whole = {each.meter_id: each for each in found if each.starts_on is None}
    assert {(each.starts_on, each.meter_id): each.quantity for each in found if each.starts_on} == {
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
    found = parts(books, TotalsQuestion(day, day, meter_id=books.meter("t_sum2")))
    assert [(each.starts_on, each.part, each.quantity) for each in found if not each.before] == [
        (None, "whole", 13), (day, "whole", 13),
    ]  # fmt: skip


def test_versions_of_a_plan_are_added_up_under_its_key(books: Books) -> None:
    """On days of its own: a day of which others speak has more plans than a report names."""
    org, days = books.org(), [NOW.replace(month=10, day=day) for day in (21, 22)]
    plan, key = uuid4(), f"p{uuid4().hex[:12]}"
    books.run(
        "INSERT INTO plans (id, key, name, summary, public, is_default, position)"
        " VALUES (%s, %s, 'Plan', '', false, false, 0)",
        (plan, key),
    )
    for number, at in enumerate(days, 1):
        version = uuid4()
        books.run(
            "INSERT INTO plan_versions (id, plan_id, number, content_hash) VALUES (%s, %s, %s, sha256('x'))",
            (version, plan, number),
        )
        books.run(
            "INSERT INTO plans_in_force (org_id, starts_at, plan_version_id) VALUES (%s, %s, %s)",
            (org, at, version),
        )
        books.one(org, event("t_sum", number, occurred_at=at))
    books.fold()
    first, last = (at.date() for at in days)
    by_plan = parts(books, TotalsQuestion(first, last, "plan"))
    assert [each.quantity for each in by_plan if each.value == key and each.starts_on is None] == [3]
    alone = parts(books, TotalsQuestion(first, last, plan=key))
    assert [(each.label, each.quantity) for each in alone if each.part == "value" and each.starts_on is None] == [
        ("Plan, version 2", 2), ("Plan, version 1", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("dimension", ["kind", "provider"])
def test_values_that_are_no_plan_are_never_read_as_one(books: Books, dimension: Dimension) -> None:
    """Even by a plan that holds for every dimension, which PostgreSQL takes once a connection has asked a few times."""
    value = f"no-version-{uuid4()}"
    books.one(books.org(), event("t_sum", 2, **{dimension: value}))
    books.fold()
    with books.transaction() as session:
        session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        for _ in range(PREPARED):
            found = list_usage_parts(session, TotalsQuestion(FIRST, LAST, dimension))
            assert [(each.starts_on, each.quantity) for each in found if each.value == value] == [(None, 2), (TODAY, 2)]


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
        before = count_active(session, TODAY, TODAY).whole
    org = books.org()
    books.many(org, [event("t_sum", user="a"), event("t_sum", user="a"), event("t_count", user="b")])
    books.fold()
    with books.transaction() as session:
        after = count_active(session, TODAY, TODAY)
    assert after.as_of == NOW
    # other tests' orgs may have been folded in between
    assert after.whole.orgs > before.orgs
    assert after.whole.users is not None
    assert after.whole.users >= (before.users or 0) + 2


def test_a_range_without_usage_has_nobody_active(books: Books) -> None:
    with books.transaction() as session:
        found = count_active(session, date(2024, 1, 1), date(2024, 12, 31))
    assert (found.whole.orgs, found.whole.users, found.spans, found.by_month) == (0, 0, (), True)


def test_the_days_before_are_beside_those_that_they_are_compared_with(books: Books) -> None:
    """Two days and the two before: what was used on the first of those stands at the first of these."""
    org, meter, day = books.org(), books.meter("t_sum2"), date(2026, 10, 27)
    for ahead, amount in ((-2, 3), (-1, 4), (1, 9)):
        at = NOW.replace(month=10, day=27) + timedelta(days=ahead)
        books.imported(org, [event("t_sum2", amount, occurred_at=at)])
    found = parts(books, TotalsQuestion(day, day + timedelta(days=1), meter_id=meter))
    assert {(each.before, each.starts_on): each.quantity for each in found} == {
        (False, None): 9, (False, day + timedelta(days=1)): 9, (True, None): 7, (True, day): 3,
        (True, day + timedelta(days=1)): 4,
    }  # fmt: skip
    week = parts(books, TotalsQuestion(day, day + timedelta(days=1), meter_id=meter), "week")
    assert {each.starts_on for each in week} == {None, date(2026, 10, 26)}


@pytest.mark.parametrize(
    ("days", "first", "before"),
    [(1, date(2026, 11, 5), (date(2026, 11, 4), date(2026, 11, 4))),
     (30, date(2026, 11, 5), (date(2026, 10, 6), date(2026, 11, 4))),
     (5, date(1, 1, 1), (date(1, 1, 1), date(1, 1, 1)))],
)  # fmt: skip
def test_as_many_days_before(days: int, first: date, before: tuple[date, date]) -> None:
    assert TotalsQuestion(first, first + timedelta(days=days - 1)).before == before
