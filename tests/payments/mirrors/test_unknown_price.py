"""A price made by hand at Stripe, a quantity, a second item: all but the plan is followed, and staff are told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.payments import queries
from app.payments.billing_summary import build_subscription_answer
from app.payments.cli import background_gateway
from app.payments.dunning.models import Dunning
from app.payments.gateway import get_gateway
from app.payments.reconciliation.drift_report import compare_subscription
from app.payments.webhooks.models import InboxEvent
from app.stripe_gateway import subscriptions as stripe_subscriptions
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
    words = f"{org.mirror.id} is not billed as a plan of the catalogue: price {price} matches no plan"
    assert words in text_of(scenario.staff().get(f"/admin/inbox/{named}"))


def test_an_end_is_followed(scenario: Scenario, org: Org) -> None:
    org.on_price_by_hand()
    scenario.settle()
    assert org.mirror is not None
    scenario.stripe.client().v1.subscriptions.cancel(org.mirror.id)
    scenario.settle()
    assert org.mirror.status == "canceled"
    assert org.subscription is None
    assert "Nothing is due until you choose a paid plan." in org.page("/billing")


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize(("also", "told"), [({"quantity": 3}, "quantity 3"), ({}, "2 items")])
def test_a_quantity_and_a_second_item_are_named_and_no_price_of_the_plans_is(
    scenario: Scenario, org: Org, also: dict[str, int], told: str
) -> None:
    """Fault P19. The plan stays; pages, drift, doctor and inbox say that it is billed otherwise."""
    assert org.mirror is not None
    item: dict[str, Any] = {"id": org.mirror.item_id, **also}
    v1 = scenario.stripe.client().v1
    price = v1.prices.retrieve(org.mirror.price_id)
    beside = {"product": price.product, "currency": "usd", "unit_amount": 700, "recurring": {"interval": "month"}}
    second = [] if also else [{"price": v1.prices.create(beside).id}]  # type: ignore[arg-type]
    v1.subscriptions.update(org.mirror.id, {"items": [item, *second], "proration_behavior": "none"})  # type: ignore[list-item]
    scenario.settle()
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    assert "Custom price" in org.page("/billing")
    assert build_subscription_answer(org.session, org.id, org.now).fee is None
    noted = select(InboxEvent.error).where(InboxEvent.org_id == org.id, InboxEvent.error.is_not(None))
    assert all(told in str(error) for error in org.session.scalars(noted).all() or [""])
    with background_gateway():
        remote = stripe_subscriptions.retrieve(get_gateway(), org.mirror.id)
    assert compare_subscription(org.mirror, remote, queries.find_own_terms(org.session, remote)) == [
        ("plan", "kept", told)
    ]
