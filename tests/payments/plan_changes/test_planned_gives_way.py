"""What is done while a change is planned takes its place; what fails or is not paid leaves it planned, as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.kit.errors import DomainError, Unavailable
from app.payments.cancel import cancel_at_period_end
from app.payments.cli import background_gateway
from app.payments.errors import ChangeNotNow
from app.subscriptions.changes.models import PlannedChange
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import ACTOR, DECLINES, SECURE, confirm, own_card, push, quoted, resolve
from tests.payments.plan_changes.test_planned import outcomes, paid, plan, schedules, started, undo
from tests.scenario import Org, Scenario

RELEASE = "/release"


def planned(scenario: Scenario) -> tuple[Org, MadePlan, MadePlan]:
    """An org on 10.00 a month that is to have 4.00 with its next period, and a plan for 40.00."""
    org, lower = started(scenario)
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    push(org, dearer)
    plan(org, lower)
    return org, lower, dearer


def standing(org: Org) -> tuple[Any, ...]:
    """The version that is planned, and whether Stripe's schedule says so."""
    query = select(PlannedChange).where(PlannedChange.org_id == org.id, PlannedChange.ended_at.is_(None))
    row = org.session.scalars(query).one()
    mirrored = row.released_at is None and row.schedule_ref is not None
    return row.plan_version_id, mirrored and org.mirror is not None and org.mirror.schedule_id == row.schedule_ref


def cancel(org: Org) -> None:
    with background_gateway():
        cancel_at_period_end(org.id, actor=ACTOR, now=org.now)


def is_kept(scenario: Scenario, org: Org, lower: MadePlan) -> None:
    """The planned change stands at Stripe again, and is made at the period's end."""
    assert standing(org) == (lower.version_id, True)
    assert schedules(scenario).count("active") == 1
    scenario.settle()
    scenario.renew()
    assert (org.plan_version, outcomes(org)) == (lower.version_id, ["applied"])


@pytest.mark.slow
def test_an_upgrade_that_is_paid_takes_its_place(scenario: Scenario) -> None:
    org, _, dearer = planned(scenario)
    assert confirm(org, quoted(org, dearer)).state == "applied"
    assert (org.plan_version, outcomes(org), schedules(scenario)) == (dearer.version_id, ["replaced"], ["released"])
    scenario.settle()
    resolve()
    scenario.renew()
    assert (org.plan_version, paid(scenario)) == (dearer.version_id, [1000, 1500, 4000])


@pytest.mark.slow
def test_the_quote_names_the_next_payment_after_the_change(scenario: Scenario) -> None:
    org, _, dearer = planned(scenario)
    quote = quoted(org, dearer).quote
    assert (quote.total, quote.next_amount, quote.next_estimated) == (1500, 4000, True)


@pytest.mark.parametrize("card", [DECLINES, SECURE])
@pytest.mark.slow
def test_an_upgrade_that_is_not_paid_leaves_it_planned(scenario: Scenario, card: str) -> None:
    org, lower, dearer = planned(scenario)
    org.with_card(card)
    own_card(scenario, org)
    assert confirm(org, quoted(org, dearer)).state in {"declined", "confirm"}
    assert (standing(org), schedules(scenario)) == ((lower.version_id, False), ["released"])
    scenario.later(minutes=5)
    resolve()
    assert schedules(scenario) == ["released"], "not while the payment may still come"
    org.with_card()
    own_card(scenario, org)
    scenario.later(hours=24)
    scenario.settle()
    scenario.later(minutes=3)
    resolve()
    assert sorted(schedules(scenario)) == ["active", "released"]
    is_kept(scenario, org, lower)
    assert paid(scenario) == [400, 1000]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "500", "path": "/v1/subscriptions"},
        {"kind": "503", "path": "/v1/subscription_schedules"},
        {"kind": "reset", "path": "/v1/subscription_schedules"},
    ],
)
@pytest.mark.slow
def test_an_upgrade_that_fails_at_stripe_leaves_it_planned(scenario: Scenario, fault: dict[str, str]) -> None:
    org, lower, dearer = planned(scenario)
    change = quoted(org, dearer)
    scenario.stripe.fail(**fault, method="POST", times=3)  # type: ignore[arg-type]
    with pytest.raises(DomainError):
        confirm(org, change)
    scenario.stripe.world.faults.clear()
    scenario.later(minutes=3)
    resolve()
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    is_kept(scenario, org, lower)
    assert paid(scenario) == [400, 1000]


@pytest.mark.slow
def test_a_lost_answer_decides_what_becomes_of_it(scenario: Scenario) -> None:
    org, lower, dearer = planned(scenario)
    change = quoted(org, dearer)
    scenario.stripe.fail("reset", path="/v1/subscriptions", method="POST", times=3)
    with pytest.raises(Unavailable):
        confirm(org, change, hurried=True)
    scenario.stripe.world.faults.clear()
    scenario.later(minutes=3)
    for _ in range(2):
        resolve()
        scenario.settle()
        scenario.later(minutes=3)
    if org.plan_version == dearer.version_id:
        assert (outcomes(org), schedules(scenario)) == (["replaced"], ["released"])
    else:
        is_kept(scenario, org, lower)


@pytest.mark.slow
def test_in_its_last_day_no_upgrade_could_lapse_before_it(scenario: Scenario) -> None:
    org, _, dearer = planned(scenario)
    assert org.subscription is not None
    scenario.at(org.subscription.billing_ends_at - timedelta(hours=24))
    with pytest.raises(AssertionError, match="planned"):
        quoted(org, dearer)
    with pytest.raises(ChangeNotNow):
        plan(org, dearer)
    assert undo(org)
    quoted(org, dearer)


@pytest.mark.slow
def test_another_planned_change_takes_its_place(scenario: Scenario) -> None:
    org, _, _ = planned(scenario)
    lowest = scenario.plan(sold=("USD", "3.00", "30.00"))
    push(org, lowest)
    for _ in range(2):
        plan(org, lowest)
    assert (outcomes(org), standing(org)) == (["replaced", None], (lowest.version_id, True))
    assert sorted(schedules(scenario)) == ["active", "released"]
    scenario.settle()
    scenario.renew()
    assert (org.plan_version, outcomes(org)) == (lowest.version_id, ["replaced", "applied"])


@pytest.mark.slow
def test_another_planned_change_that_stripe_did_not_hear_of_is_sent_later(scenario: Scenario) -> None:
    org, _, _ = planned(scenario)
    lowest = scenario.plan(sold=("USD", "3.00", "30.00"))
    push(org, lowest)
    scenario.stripe.fail("503", path="/v1/subscription_schedules", method="POST", times=3)
    with pytest.raises(Unavailable):
        plan(org, lowest)
    scenario.stripe.world.faults.clear()
    assert standing(org) == (lowest.version_id, False)
    scenario.later(minutes=3)
    resolve()
    assert standing(org) == (lowest.version_id, True)
    scenario.settle()
    scenario.renew()
    assert (org.plan_version, outcomes(org)) == (lowest.version_id, ["replaced", "applied"])


@pytest.mark.parametrize("path", ["/v1/subscriptions/", "/v1/subscription_schedules/"])
@pytest.mark.parametrize("kind", ["503", "500", "reset", "reset_before"])
@pytest.mark.slow
def test_a_cancellation_that_fails_leaves_it_planned_or_is_made(scenario: Scenario, kind: str, path: str) -> None:
    org, lower, _ = planned(scenario)
    scenario.stripe.fail(kind, path=path, method="POST", times=3)
    with pytest.raises(DomainError):
        cancel(org)
    scenario.stripe.world.faults.clear()
    scenario.later(minutes=3)
    resolve()
    assert org.subscription is not None
    if org.subscription.cancel_at is None:
        is_kept(scenario, org, lower)
    else:
        assert outcomes(org) == ["replaced"]
        assert "active" not in schedules(scenario)


@pytest.mark.slow
def test_a_cancellation_that_was_made_before_a_kill_takes_its_place(scenario: Scenario) -> None:
    org, _, _ = planned(scenario)
    killed_after(scenario, org, lambda v1, theirs: v1.subscriptions.update(theirs, {"cancel_at_period_end": True}))
    scenario.later(minutes=3)
    resolve()
    assert outcomes(org) == ["replaced"]
    assert org.subscription is not None
    assert org.subscription.cancel_at == org.subscription.billing_ends_at


def killed_after(scenario: Scenario, org: Org, act: Callable[[Any, str], Any]) -> None:
    """What a process leaves that was killed right after it had asked Stripe: the row set aside, the schedule gone."""
    session = org.session
    row = session.scalars(select(PlannedChange).where(PlannedChange.org_id == org.id)).one()
    row.released_at, schedule = org.now, row.schedule_ref
    session.commit()
    scenario.stripe.hold()
    v1: Any = scenario.stripe.client().v1
    v1.subscription_schedules.release(schedule)
    act(v1, scenario.stripe.objects("subscription")[0]["id"])
    scenario.stripe.lose()
    scenario.stripe.release()
