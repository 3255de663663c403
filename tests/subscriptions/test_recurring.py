"""The history of recurring charges: a row for each change, from when it holds, and none where nothing changed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.kit.actor import SYSTEM
from app.kit.periods import Period
from app.subscriptions import periods, service
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee
from tests.scenario.followed import Follower, facts, over
from tests.subscriptions.conftest import NOW

DAY = timedelta(days=1)
FEE = (RecurringFee(Decimal(4900), "month"),)
HALF = (RecurringDiscount(percent_off=Decimal(50), ends_at=datetime(2027, 2, 1, tzinfo=UTC)),)


@pytest.fixture
def follower(db, make_org):
    made = Follower(db, make_org("UTC"))
    periods.open_periods_ahead(db, made.org, NOW)
    return made


def noted(db, org):
    asked = text("SELECT * FROM subscriptions_recurring WHERE org_id = :org ORDER BY starts_at")
    return db.execute(asked, {"org": org}).all()


def test_a_purchase_is_noted_from_its_start_and_said_again_it_adds_nothing(db, follower, plan):
    anchor = NOW - timedelta(seconds=40)
    told = facts(plan("pro"), anchor, NOW, fees=FEE, discounts=HALF)
    for _ in range(3):
        follower.see(told, NOW)
    [row] = noted(db, follower.org)
    assert (row.starts_at, row.ends_at, row.state, row.collection, row.currency) == (
        anchor, None, "active", "stripe", "USD"
    )  # fmt: skip
    assert row.fees == [{"amount": "4900", "interval": "month", "quantity": 1, "every": 1}]
    [half] = row.discounts
    assert (half["percent_off"], half["ends_at"], half["once"]) == ("50", HALF[0].ends_at.isoformat(), False)
    assert row.plan_version_id == plan("pro")


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({"state": "past_due"}, "state", "past_due"),
        ({"state": "unpaid"}, "state", "unpaid"),
        ({"paused": True}, "paused", True),
        ({"discounts": ()}, "discounts", []),
        ({"cancel_at": NOW + 9 * DAY}, "cancel_at", NOW + 9 * DAY),
        ({"fees": (RecurringFee(Decimal(4900), "month", 3),)}, "fees",
         [{"amount": "4900", "interval": "month", "quantity": 3, "every": 1}]),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_each_change_is_noted_from_when_we_heard_of_it(db, follower, plan, changed, column, value):
    follower.see(facts(plan("pro"), NOW, NOW, fees=FEE, discounts=HALF), NOW)
    follower.see(facts(plan("pro"), NOW, NOW, **{"fees": FEE, "discounts": HALF, **changed}), NOW + 3 * DAY)
    before, after = noted(db, follower.org)
    assert (before.ends_at, after.starts_at, after.ends_at) == (NOW + 3 * DAY, NOW + 3 * DAY, None)
    assert getattr(after, column) == value != getattr(before, column)


def test_a_trial_ends_at_its_own_time_however_late_we_hear_of_it(db, follower, plan):
    trial = Period(NOW, NOW + 14 * DAY)
    follower.see(facts(plan("pro"), NOW, NOW, state="trialing", trial=trial, billing=trial, fees=FEE), NOW)
    late = facts(plan("pro"), trial.end, trial.end + DAY, trial=trial, started_at=NOW, fees=FEE)
    follower.see(late, trial.end + DAY)
    tried, paid = noted(db, follower.org)
    assert [(row.state, row.starts_at) for row in (tried, paid)] == [("trialing", NOW), ("active", trial.end)]


def test_an_end_that_is_heard_of_late_overrules_what_was_noted_since(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW, fees=FEE), NOW)
    follower.see(facts(plan("pro"), NOW, NOW, fees=FEE, state="past_due"), NOW + 20 * DAY)
    follower.see(over(plan("pro"), NOW, NOW + 10 * DAY, fees=FEE), NOW + 21 * DAY)
    rows = noted(db, follower.org)
    assert [(row.state, row.starts_at, row.ends_at) for row in rows] == [
        ("active", NOW, NOW + 10 * DAY),
        ("ended", NOW + 10 * DAY, None),
    ]
    assert rows[-1].fees == []


def test_one_that_began_and_ended_unseen_is_noted_all_the_same(db, follower, plan):
    follower.see(over(plan("pro"), NOW - 9 * DAY, NOW - 2 * DAY, fees=FEE), NOW)
    assert [(row.state, row.starts_at) for row in noted(db, follower.org)] == [
        ("active", NOW - 9 * DAY), ("ended", NOW - 2 * DAY)
    ]  # fmt: skip


def test_another_plan_is_noted_from_its_own_start(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW, fees=FEE), NOW)
    follower.see(facts(plan("free"), NOW, NOW, fees=()), NOW + 5 * DAY)
    before, after = noted(db, follower.org)
    assert (before.plan_version_id, after.plan_version_id) == (plan("pro"), plan("free"))
    assert (after.starts_at, after.fees) == (NOW + 5 * DAY, [])


def test_a_plan_that_staff_assign_costs_its_versions_price(db, make_org, plan):
    org = make_org("UTC")
    periods.open_periods_ahead(db, org, NOW)
    for name, at in (("pro", NOW), ("free", NOW + DAY)):
        service.assign_plan(db, org, plan(name), interval="year", currency="USD", actor=SYSTEM, now=at)
    pro, free = noted(db, org)
    assert [(fee["interval"], int(fee["amount"]) > 0) for fee in pro.fees] == [("year", True)]
    assert (pro.collection, free.collection) == ("offline", "none")
    assert [int(fee["amount"]) for fee in free.fees] == [0]
