"""A change at the end of the paid period: planned, mirrored by a schedule, made, taken back, and given way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.kit.errors import Conflict, Unavailable
from app.payments.cancel import cancel_at_period_end
from app.payments.cli import background_gateway
from app.payments.errors import ChangeNotNow
from app.payments.plan_changes.plan_ahead import plan_ahead, undo_planned
from app.subscriptions.changes.models import PlannedChange
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import ACTOR, confirm, push, quoted, resolve
from tests.scenario import Org, Scenario


def started(scenario: Scenario, interval: str = "month") -> tuple[Org, MadePlan]:
    """An org halfway through a month of a plan for 10.00, and a plan for 4.00."""
    org, lower = scenario.org().paying(scenario.plan()), scenario.plan(sold=("USD", "4.00", "40.00"))
    push(org, lower)
    if interval == "year":
        assert org.plan is not None
        push(org, org.plan)
        confirm(org, quoted(org, org.plan, "year"))
    scenario.later(days=15)
    return org, lower


def plan(org: Org, wanted: MadePlan, interval: str = "month") -> Any:
    with background_gateway():
        return plan_ahead(org.id, wanted.key, interval, version_id=wanted.version_id, actor=ACTOR, now=org.now)


def undo(org: Org) -> bool:
    with background_gateway():
        return undo_planned(org.id, actor=ACTOR, now=org.now)


def outcomes(org: Org) -> list[str | None]:
    chosen = select(PlannedChange.outcome).where(PlannedChange.org_id == org.id)
    return list(org.session.scalars(chosen.order_by(PlannedChange.planned_at, PlannedChange.id)))


def schedules(scenario: Scenario) -> list[str]:
    return sorted(each["status"] for each in scenario.stripe.objects("subscription_schedule"))


def paid(scenario: Scenario) -> list[int]:
    return sorted(each["amount"] for each in scenario.stripe.objects("charge") if each["paid"])


@pytest.mark.slow
def test_a_lower_plan_begins_with_the_next_period(scenario: Scenario) -> None:
    org, lower = started(scenario)
    assert org.subscription is not None
    end = org.subscription.billing_ends_at
    assert plan(org, lower) == end
    assert plan(org, lower) == end, "again"
    assert (outcomes(org), schedules(scenario)) == ([None], ["active"])
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    scenario.settle()
    scenario.renew()
    assert org.plan_version == lower.version_id
    assert outcomes(org) == ["applied"]
    assert paid(scenario) == [400, 1000]
    assert org.subscription.billing_starts_at == end
    scenario.renew()
    assert paid(scenario) == [400, 400, 1000]
    assert (schedules(scenario), org.mirror and org.mirror.schedule_id) == (["completed"], None)


@pytest.mark.slow
def test_a_year_becomes_months_at_its_end(scenario: Scenario) -> None:
    org, _ = started(scenario, "year")
    assert org.plan is not None
    end = plan(org, org.plan)
    scenario.settle()
    scenario.renew()
    assert org.subscription is not None
    assert (org.subscription.interval, org.subscription.billing_starts_at) == ("month", end)
    assert timedelta(days=27) < org.subscription.billing_ends_at - end < timedelta(days=32)
    assert outcomes(org) == ["applied"]


@pytest.mark.slow
def test_it_is_taken_back_and_planned_again(scenario: Scenario) -> None:
    org, lower = started(scenario)
    for _ in range(2):
        plan(org, lower)
        assert undo(org)
        assert not undo(org)
    assert (outcomes(org), schedules(scenario)) == (["undone", "undone"], ["released", "released"])
    scenario.settle()
    scenario.renew()
    assert paid(scenario) == [1000, 1000]


@pytest.mark.slow
def test_a_cancellation_takes_its_place(scenario: Scenario) -> None:
    org, lower = started(scenario)
    plan(org, lower)
    with background_gateway():
        cancel_at_period_end(org.id, actor=ACTOR, now=org.now)
    assert (outcomes(org), schedules(scenario)) == (["replaced"], ["released"])
    assert org.subscription is not None
    assert org.subscription.cancel_at == org.subscription.billing_ends_at


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.slow
def test_after_a_planned_change_everything_can_be_changed_again(scenario: Scenario, swept: bool) -> None:
    org, lower = started(scenario)
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    plan(org, lower)
    scenario.settle()
    scenario.renew()
    if swept:
        resolve()
        assert schedules(scenario) == ["released"]
    assert confirm(org, quoted(org, dearer)).state == "applied"
    assert schedules(scenario) == ["released"]
    with background_gateway():
        cancel_at_period_end(org.id, actor=ACTOR, now=org.now)
    assert org.subscription is not None
    assert org.subscription.cancel_at == org.subscription.billing_ends_at


@pytest.mark.slow
def test_a_schedule_that_was_made_by_hand_is_left_alone(scenario: Scenario) -> None:
    org, lower = started(scenario)
    theirs = scenario.stripe.objects("subscription")[0]["id"]
    scenario.stripe.client().v1.subscription_schedules.create({"from_subscription": theirs})
    scenario.settle()
    with pytest.raises(ChangeNotNow):
        plan(org, lower)
    assert schedules(scenario) == ["active"]


def nearly_free(scenario: Scenario) -> None:
    """A coupon that makes a dearer plan cost less than what is left of the one that was paid in full."""
    v1: Any = scenario.stripe.client().v1
    made = v1.coupons.create({"percent_off": 90, "duration": "forever"})
    v1.subscriptions.update(scenario.stripe.objects("subscription")[0]["id"], {"discounts": [{"coupon": made.id}]})
    scenario.settle()


@pytest.mark.slow
def test_a_change_with_more_credit_than_charge_is_planned(scenario: Scenario) -> None:
    """40.00 less 90 % is 2.00 for half a month, and 5.00 of the 10.00 are left: nothing at once, all of it later."""
    org, _ = started(scenario)
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    push(org, dearer)
    nearly_free(scenario)
    assert org.subscription is not None
    assert plan(org, dearer) == org.subscription.billing_ends_at
    scenario.renew()
    assert (org.plan_version, outcomes(org), paid(scenario)) == (dearer.version_id, ["applied"], [400, 1000])


@pytest.mark.slow
def test_what_stripe_hears_of_after_the_period_says_its_new_day(scenario: Scenario) -> None:
    """Planned, and Stripe away until the plan had renewed: it waits for the end of what was paid then."""
    org, lower = started(scenario)
    scenario.stripe.fail("reset_before", path="/v1/subscription_schedules", method="POST", times=3)
    with pytest.raises(Unavailable):
        plan(org, lower)
    scenario.stripe.world.faults.clear()
    scenario.renew()
    resolve()
    scenario.settle()
    assert org.subscription is not None
    moved = org.session.scalars(select(PlannedChange).where(PlannedChange.org_id == org.id)).one()
    assert (moved.effective_at, moved.outcome) == (org.subscription.billing_ends_at, None)
    scenario.renew()
    assert (org.plan_version, outcomes(org)) == (lower.version_id, ["applied"])


def test_nothing_is_planned_while_the_plan_renews(scenario: Scenario) -> None:
    org, lower = started(scenario)
    assert org.subscription is not None
    scenario.at(org.subscription.billing_ends_at)
    with pytest.raises(Conflict, match="renewing"):
        plan(org, lower)
    assert outcomes(org) == []


def test_a_change_at_once_is_not_planned(scenario: Scenario) -> None:
    org, _ = started(scenario)
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    push(org, dearer)
    with pytest.raises(ChangeNotNow):
        plan(org, dearer)
    assert outcomes(org) == []


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("kind", ["reset", "reset_before"])
@pytest.mark.slow
def test_what_stripe_did_not_hear_is_sent_again(scenario: Scenario, kind: str, lost: int) -> None:
    org, lower = started(scenario)
    path = "/v1/subscription_schedules" if lost == 1 else "/v1/subscription_schedules/"
    scenario.stripe.fail(kind, path=path, method="POST", times=3)
    with pytest.raises(Unavailable):
        plan(org, lower)
    scenario.stripe.world.faults.clear()
    assert outcomes(org) == [None]
    scenario.later(minutes=3)
    resolve()
    assert schedules(scenario) == ["active"]
    scenario.settle()
    scenario.renew()
    assert (org.plan_version, outcomes(org)) == (lower.version_id, ["applied"])


@pytest.mark.slow
def test_a_schedule_that_is_released_at_stripe_takes_it_back(scenario: Scenario) -> None:
    org, lower = started(scenario)
    plan(org, lower)
    [schedule] = scenario.stripe.objects("subscription_schedule")
    scenario.stripe.client().v1.subscription_schedules.release(schedule["id"])
    scenario.settle()
    assert outcomes(org) == ["undone"]
