"""Cancelling at the period's end, taking it back, and the page to change a card."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.kit.actor import Actor
from app.kit.errors import Conflict, Unavailable
from app.kit.ids import new_id
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.checkout import card_page
from app.payments.payment_methods import arrears
from tests.scenario import Org, Scenario

ACTOR = Actor("user", new_id())


def planned(org: Org) -> bool:
    assert org.subscription is not None
    return org.subscription.cancel_at is not None


@pytest.mark.slow
def test_a_cancelled_plan_runs_to_the_end_of_what_is_paid_and_then_is_free(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    assert cancel_at_period_end(org.id, actor=ACTOR, now=scenario.clock.now())
    assert not cancel_at_period_end(org.id, actor=ACTOR, now=scenario.clock.now())
    assert planned(org)
    assert org.plan_version == plan.version_id
    scenario.settle()
    assert org.plan_version == plan.version_id
    scenario.later(days=31)
    scenario.settle()
    assert org.plan_version == scenario.default_plan().version_id
    assert org.books["records"] == ["completed"]
    with pytest.raises(Conflict):
        undo_cancel(org.id, actor=ACTOR, now=scenario.clock.now())


@pytest.mark.slow
def test_a_cancellation_is_taken_back_as_often_as_wanted(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    for _ in range(2):
        assert cancel_at_period_end(org.id, actor=ACTOR, now=scenario.clock.now())
        assert undo_cancel(org.id, actor=ACTOR, now=scenario.clock.now())
        assert not undo_cancel(org.id, actor=ACTOR, now=scenario.clock.now())
    assert not planned(org)
    scenario.renew()
    assert org.plan_version == plan.version_id
    assert org.books["records"] == ["completed", "completed"]


@pytest.mark.slow
def test_who_cancelled_stands_in_the_audit_log(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    cancel_at_period_end(org.id, actor=ACTOR, now=scenario.clock.now())
    undo_cancel(org.id, actor=ACTOR, now=scenario.clock.now())
    theirs = select(AuditEntry.action).where(AuditEntry.org_id == org.id, AuditEntry.actor_id == ACTOR.id)
    actions = list(scenario.session.scalars(theirs.order_by(AuditEntry.id)))
    assert actions == ["subscription.cancel_planned", "subscription.cancel_undone"]


@pytest.mark.slow
def test_a_cancellation_whose_answer_never_came_arrives_by_webhook(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    scenario.stripe.fail("reset", path="/v1/subscriptions", method="POST")
    with pytest.raises(Unavailable):
        cancel_at_period_end(org.id, actor=ACTOR, now=scenario.clock.now())
    assert not planned(org)
    scenario.settle()
    assert planned(org)


def test_an_org_that_pays_nothing_at_stripe_is_told_so(scenario: Scenario) -> None:
    free, offline = scenario.org(), scenario.org().on(scenario.plan())
    with pytest.raises(Conflict, match="no paid plan"):
        cancel_at_period_end(free.id, actor=ACTOR, now=scenario.clock.now())
    with pytest.raises(Conflict, match="Contact us"):
        cancel_at_period_end(offline.id, actor=ACTOR, now=scenario.clock.now())
    with pytest.raises(Conflict, match="no unpaid invoice"):
        arrears.pay_now(free.id, actor=ACTOR, now=scenario.clock.now())
    assert scenario.stripe.calls == []


def test_every_click_leads_to_a_page_of_its_own_to_change_the_card(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    first, second = (card_page.open_card_page(org.id, actor=ACTOR, now=scenario.clock.now()) for _ in range(2))
    assert first != second
    assert first.startswith(scenario.stripe.url)
    assert org.books["customers"] == 1


def test_the_card_page_is_there_before_anything_was_bought(scenario: Scenario) -> None:
    org = scenario.org()
    assert card_page.open_card_page(org.id, actor=ACTOR, now=scenario.clock.now()).startswith(scenario.stripe.url)
    assert org.books["customers"] == 1


def test_the_card_page_survives_a_customer_deleted_at_stripe(scenario: Scenario) -> None:
    org = scenario.org()
    card_page.open_card_page(org.id, actor=ACTOR, now=scenario.clock.now())
    scenario.stripe.client().v1.customers.delete(scenario.stripe.objects("customer")[0]["id"])
    assert card_page.open_card_page(org.id, actor=ACTOR, now=scenario.clock.now()).startswith(scenario.stripe.url)
    assert org.books["customers"] == 2
