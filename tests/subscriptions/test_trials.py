"""A trial is a usage period of its own: whole allowance, nothing billed, and the first paid period at its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.subscriptions import periods, queries
from tests.scenario.followed import Follower, each_start, facts, over, span, tiles
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned

DAY = timedelta(days=1)


@pytest.fixture
def follower(db, make_org):
    made = Follower(db, make_org("UTC"))
    periods.open_periods_ahead(db, made.org, NOW)
    return made


def trial(version, days=14, **changed):
    """What Stripe answers of a trial from NOW on."""
    said = {"state": "trialing", "started_at": NOW, "billing": span(NOW, days), "trial": span(NOW, days)}
    return facts(version, NOW + days * DAY, NOW, **said | changed)


def terms(db, follower, at):
    (row,) = list_mentioned(db, follower.org, at)
    return row.allowance, row.cap, row.charge_id is not None, row.sources


@pytest.mark.parametrize("days", [1, 14, 45, 90])
def test_a_trial_of_any_length_is_one_period_and_the_paid_one_starts_at_its_end(db, follower, plan, days):
    follower.see(trial(plan("pro"), days), NOW)
    ends = NOW + days * DAY
    periods.open_periods_ahead(db, follower.org, ends)
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, ends]
    tried = {"cap": "trial", "charge": "trial"}
    assert terms(db, follower, NOW) == (1000, 1000, False, tried)
    assert terms(db, follower, ends) == (1000, 5000, True, {})
    assert follower.noted() == [("trial_started", NOW)]


def test_the_paid_period_is_noted_as_the_trials_end_and_the_next_as_a_renewal(db, follower, plan):
    follower.see(trial(plan("pro"), 45), NOW)
    ends = NOW + 45 * DAY
    paid = trial(plan("pro"), 45, state="active", billing=span(ends, 31))
    follower.see(paid, ends + timedelta(hours=1))
    assert follower.noted() == [("trial_started", NOW), ("trial_ended", ends)]
    renewed = trial(plan("pro"), 45, state="active", billing=span(ends + 31 * DAY, 31))
    follower.see(renewed, ends + 31 * DAY)
    assert follower.noted()[2:] == [("renewed", ends + 31 * DAY)]
    assert terms(db, follower, NOW)[2] is False


def test_a_change_of_plan_in_a_trial_keeps_its_end_and_bills_nothing(db, follower, plan):
    follower.see(trial(plan("pro")), NOW)
    ends, later = NOW + 14 * DAY, NOW + 5 * DAY
    follower.see(trial(plan("business")), later)
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, ends]
    assert terms(db, follower, NOW)[2:] == (False, list_mentioned(db, follower.org, NOW)[0].sources)
    row = queries.find_subscription(db, follower.org)
    assert (row.plan_version_id, row.trial_ends_at, row.started_at) == (plan("business"), ends, later)


def test_a_trial_that_stripe_lengthens_stays_one_period(db, follower, plan):
    follower.see(trial(plan("pro")), NOW)
    longer = NOW + 24 * DAY
    follower.see(trial(plan("pro"), 24), NOW + 3 * DAY)
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, longer]
    assert terms(db, follower, NOW)[2] is False
    assert terms(db, follower, longer)[2] is True


def test_a_trial_that_is_ended_early_is_paid_for_from_then_on(db, follower, plan):
    follower.see(trial(plan("pro")), NOW)
    at = NOW + 4 * DAY
    ended = facts(plan("pro"), at, at, started_at=NOW, trial=span(NOW, 4))
    follower.see(ended, at + timedelta(minutes=1))
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, at]
    assert [terms(db, follower, start)[2] for start in (NOW, at)] == [False, True]
    assert follower.noted()[-1] == ("trial_ended", at)


@pytest.mark.parametrize("days", [3, 14])
def test_a_trial_that_ends_without_payment_leaves_nothing_to_bill(db, follower, plan, days):
    follower.see(trial(plan("pro")), NOW)
    at = NOW + days * DAY
    gone = over(plan("pro"), NOW + 14 * DAY, at, started_at=NOW, billing=span(NOW, 14), trial=span(NOW, 14))
    follower.see(gone, at + timedelta(minutes=1))
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, at]
    assert terms(db, follower, NOW)[2] is False
    assert queries.find_subscription(db, follower.org) is None
    assert follower.noted()[-1] == ("ended", at)


def test_what_was_used_on_a_paid_plan_before_stripe_began_a_trial_stays_owed(db, follower, plan):
    """Staff can begin a trial on a running subscription at Stripe: the period before it is not tried."""
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    start = NOW + 10 * DAY
    follower.see(trial(plan("pro"), started_at=NOW, anchor_at=start + 14 * DAY, billing=span(start, 14),
                       trial=span(start, 14)), start)  # fmt: skip
    assert each_start(tiles(db, follower.org), NOW)[:3] == [NOW, start, start + 14 * DAY]
    assert [terms(db, follower, at)[2] for at in (NOW, start, start + 14 * DAY)] == [True, False, True]
