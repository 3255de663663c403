"""Trials (rule 2.6) over the stand-in: once per org, card and domain; what becomes of them; nothing of them billed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.kit.actor import SYSTEM
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.trials.uses import may_try
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import confirm, quoted
from tests.scenario import Scenario
from tests.scenario.buying import DECLINES
from tests.scenario.org import Org
from tests.support.roles import BY_HAND

MASTERCARD = "5555555555554444"
PRO = ("USD", "49.00", "490.00")


@pytest.fixture(autouse=True)
def nobody_has_had_one(scenario: Scenario) -> None:
    scenario.session.execute(BY_HAND)
    scenario.session.execute(text("TRUNCATE trial_uses"))
    scenario.session.commit()


def tried(scenario: Scenario, said: str = "trial_days = 14", **terms: Any) -> MadePlan:
    return scenario.plan(policy="charge", allowance=100, sold=PRO, said=said, **terms)


def charges(scenario: Scenario, org: Org) -> list[int]:
    found = scenario.stripe.objects("charge", customer=org.customer_id)
    return [each["amount"] for each in found if each["paid"]]


def states(scenario: Scenario, org: Org) -> list[str]:
    return [each["status"] for each in scenario.stripe.objects("subscription", customer=org.customer_id)]


def kinds(org: Org) -> list[str]:
    return [row.kind for row in org.rows("SELECT kind FROM subscription_events WHERE org_id = :org ORDER BY noted_at")]


@pytest.mark.slow
def test_a_first_purchase_of_a_plan_with_a_trial_is_tried_free_and_then_paid(scenario: Scenario) -> None:
    org, plan = scenario.org(), tried(scenario)
    org.buys(plan)
    start = scenario.clock.at
    assert (org.plan_version, states(scenario, org), charges(scenario, org)) == (plan.version_id, ["trialing"], [])
    assert org.subscription is not None
    assert org.subscription.trial_ends_at is not None
    assert abs(org.subscription.trial_ends_at - start - timedelta(days=14)) < timedelta(minutes=1)
    scenario.later(minutes=1)
    assert org.period.ends_at == org.subscription.trial_ends_at
    assert (org.record.amount, org.record.state) == (0, "completed")
    assert org.record.description.endswith("plan, monthly, 14-day trial")
    scenario.renew()
    assert (states(scenario, org), charges(scenario, org)) == (["active"], [4900])
    assert kinds(org) == ["trial_started", "trial_ended"]


@pytest.mark.slow
def test_an_org_has_one_trial_and_pays_at_once_the_second_time(scenario: Scenario) -> None:
    org, plan = scenario.org(), tried(scenario)
    assert may_try(scenario.session, org.id)
    org.buys(plan)
    assert not may_try(scenario.session, org.id)
    scenario.stripe.client().v1.subscriptions.cancel(org.mirror.id)  # type: ignore[union-attr]
    scenario.settle()
    org.opens(plan)
    org.pays(card=MASTERCARD)
    assert org.returns() == "paid"
    assert charges(scenario, org) == [4900]
    assert org.checkout.trial_days is None


@pytest.mark.parametrize("by_webhook", [False, True])
@pytest.mark.slow
def test_a_second_trial_by_the_same_card_is_cancelled_before_anything_is_charged(
    scenario: Scenario, by_webhook: bool
) -> None:
    plan = tried(scenario)
    first, second = scenario.org().buys(plan), scenario.org()
    assert may_try(scenario.session, second.id)
    second.opens(plan)
    second.pays()
    if by_webhook:
        scenario.settle()
    assert second.returns() == "refused"
    scenario.settle()
    assert (states(scenario, second), charges(scenario, second)) == (["canceled"], [])
    assert second.subscription is None
    assert second.record.description.endswith("14-day trial (not started)")
    assert second.plan_version == scenario.default_plan().version_id
    assert second.letters == ["trial_refused"]
    assert not may_try(scenario.session, second.id)
    assert states(scenario, first) == ["trialing"]
    second.buys(plan)
    assert charges(scenario, second) == [4900]


@pytest.mark.slow
def test_a_refused_trial_that_could_not_be_cancelled_is_cancelled_by_the_sweep(scenario: Scenario) -> None:
    plan = tried(scenario)
    scenario.org().buys(plan)
    second = scenario.org()
    second.opens(plan)
    second.pays()
    scenario.settle()  # the events alone: nobody comes back, and the task that they queue has not run
    assert states(scenario, second) == ["trialing"]
    assert second.subscription is None
    scenario.sweeps = ("payments.end_refused_trials",)
    scenario.settle()
    assert (states(scenario, second), charges(scenario, second)) == (["canceled"], [])


@pytest.mark.slow
def test_a_declined_card_at_the_end_of_the_trial_is_a_payment_overdue(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario)).with_card(DECLINES)
    scenario.settle()
    scenario.renew()
    assert (org.subscription.state, charges(scenario, org)) == ("past_due", [])  # type: ignore[union-attr]
    assert kinds(org)[-1] == "past_due"
    scenario.sweeps = ("payments.advance_dunnings",)
    scenario.settle()
    assert "payment_failed" in org.letters
    scenario.later(days=8)
    scenario.settle()
    assert org.subscription.limited_at is not None  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_trial_without_a_card_ends_in_the_free_plan(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    client = scenario.stripe.client()
    for method in client.v1.payment_methods.list({"customer": org.customer_id}).data:
        client.v1.payment_methods.detach(method.id)
    scenario.settle()
    scenario.renew()
    assert (states(scenario, org), charges(scenario, org)) == (["canceled"], [])
    assert org.subscription is None
    assert kinds(org)[-1] == "ended"


@pytest.mark.slow
def test_a_plan_changed_in_a_trial_is_free_keeps_the_end_and_is_paid_from_then_on(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    ends = org.subscription.trial_ends_at  # type: ignore[union-attr]
    dearer = scenario.plan(policy="charge", allowance=500, sold=("USD", "90.00", "900.00"))
    scenario.later(days=3)
    change = quoted(org, dearer)
    assert change.quote.total == 0
    assert confirm(org, change).state == "applied"
    assert (org.plan_version, org.subscription.trial_ends_at) == (dearer.version_id, ends)  # type: ignore[union-attr]
    assert org.granted(dearer.meter)["sources"]["charge"] == "trial"
    scenario.renew()
    assert charges(scenario, org) == [9000]


@pytest.mark.slow
def test_a_cancellation_in_a_trial_costs_nothing_and_can_be_undone(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    assert cancel_at_period_end(org.id, actor=SYSTEM, now=org.now)
    assert org.subscription.cancel_at == org.subscription.trial_ends_at  # type: ignore[union-attr]
    assert undo_cancel(org.id, actor=SYSTEM, now=org.now)
    assert cancel_at_period_end(org.id, actor=SYSTEM, now=org.now)
    scenario.settle()
    scenario.renew()
    assert (states(scenario, org), charges(scenario, org), org.subscription) == (["canceled"], [], None)


def test_the_end_of_a_trial_is_told_three_days_before_once_and_without_stripes_event(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    scenario.stripe.lose()
    scenario.sweeps = ("payments.tell_trial_ends",)
    scenario.later(days=10, hours=23)
    scenario.settle()
    assert "trial_ending" not in org.letters
    scenario.later(hours=2)
    scenario.settle()
    scenario.settle()
    assert org.letters.count("trial_ending") == 1


@pytest.mark.slow
def test_who_has_cancelled_is_not_told_that_the_trial_ends(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    cancel_at_period_end(org.id, actor=SYSTEM, now=org.now)
    scenario.sweeps = ("payments.tell_trial_ends",)
    scenario.later(days=12)
    scenario.settle()
    assert "trial_ending" not in org.letters


def test_what_is_kept_of_a_trial_names_nobody(scenario: Scenario) -> None:
    org = scenario.org().buys(tried(scenario))
    rows = org.rows("SELECT kind, digest FROM trial_uses WHERE :org IS NOT NULL ORDER BY kind")
    assert [row.kind for row in rows] == ["card", "org"]
    assert all(len(row.digest) == 32 for row in rows)
    assert str(org.id).encode() not in b"".join(bytes(row.digest) for row in rows)
