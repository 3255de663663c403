"""A price made by hand at Stripe: all but the plan is followed, and staff are told of the plan."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.payments import queries
from app.payments.billing_summary import build_subscription_answer
from app.payments.dunning.models import Dunning
from app.payments.webhooks.models import InboxEvent
from app.subscriptions import queries as subscriptions
from tests.pages import text_of
from tests.payments.lifecycle import HOUR, RENEWED
from tests.scenario import Org, Scenario


@pytest.fixture
def org(scenario: Scenario) -> Org:
    return scenario.org().paying()


def renewed(scenario: Scenario) -> None:
    """The next month has come, and what Stripe does in it."""
    for at in (RENEWED, RENEWED + HOUR):
        scenario.clock.at = at
        scenario.settle()


def test_the_plan_stays_and_the_inbox_names_what_could_not_be_applied(scenario: Scenario, org: Org) -> None:
    price = org.on_price_by_hand()
    scenario.settle()
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    assert org.mirror is not None
    assert (org.mirror.price_id, org.mirror.status) == (price, "active")
    told = org.session.scalars(select(InboxEvent).where(InboxEvent.type == "customer.subscription.updated")).all()
    assert {event.state for event in told} == {"applied"}
    [named] = [event.id for event in told if price in (event.error or "")]
    assert f"price {price} of {org.mirror.id} matches no plan" in text_of(scenario.staff().get(f"/admin/inbox/{named}"))


def test_an_end_is_followed(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    assert org.mirror is not None
    scenario.stripe.client().v1.subscriptions.cancel(org.mirror.id)
    scenario.settle()
    assert org.mirror.status == "canceled"
    assert org.subscription is None
    assert "Nothing is due until you choose a paid plan." in org.page("/billing")


def test_a_planned_end_a_renewal_and_its_invoice_are_followed(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    renewed(scenario)
    assert org.subscription is not None
    assert org.subscription.billing_starts_at == RENEWED
    assert [(each.amount, each.state) for each in org.records] == [(1000, "completed"), (2300, "completed")]
    assert org.mirror is not None
    scenario.stripe.client().v1.subscriptions.update(org.mirror.id, {"cancel_at_period_end": True})
    scenario.settle()
    assert org.subscription.cancel_at == org.subscription.billing_ends_at


def test_a_failure_is_followed_until_it_is_paid(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    org.past_due()
    assert org.subscription is not None
    assert org.subscription.state == "past_due"
    assert queries.find_dunning(org.session, org.id) is not None
    org.with_card()
    scenario.settle()
    org.pays_what_is_owed()
    scenario.settle()
    assert org.subscription.state == "active"
    assert org.session.scalars(select(Dunning.outcome).where(Dunning.org_id == org.id)).all() == ["recovered"]


def test_a_card_is_followed(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    org.with_card("pm_card_mastercard")
    scenario.settle()
    assert org.customer is not None
    assert org.customer.card_last4 == "4444"


def test_a_price_of_ours_put_back_is_followed_again(scenario: Scenario, org: Org) -> None:
    assert org.mirror is not None
    ours = org.mirror.price_id
    org.on_price_by_hand()
    scenario.settle()
    org.put_on_price(ours)
    scenario.settle()
    assert org.mirror.price_id == ours


def test_a_subscription_made_by_hand_grants_nothing_and_is_named(scenario: Scenario) -> None:
    org = scenario.org().paying()
    price = org.on_price_by_hand()
    scenario.settle()
    assert org.mirror is not None
    scenario.stripe.client().v1.subscriptions.cancel(org.mirror.id)
    made = {"customer": org.customer_id, "items": [{"price": price}], "metadata": {"tollkeeper_org": str(org.id)}}
    theirs = scenario.stripe.client().v1.subscriptions.create(made)  # type: ignore[arg-type]
    scenario.settle()
    assert org.subscription is None
    running = queries.find_open_subscription(org.session, org.id)
    assert running is not None
    assert (running.id, running.subscription_id) == (theirs.id, None)
    scenario.stripe.client().v1.subscriptions.cancel(theirs.id)
    scenario.settle()
    assert queries.find_open_subscription(org.session, org.id) is None


def test_no_page_and_no_answer_names_the_plans_price(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    page = org.page("/billing")
    assert "Custom price" in page
    assert "$10" not in page.split("History")[0]
    assert build_subscription_answer(org.session, org.id, org.now).fee is None
    assert subscriptions.find_subscription(org.session, org.id) is not None
