"""Stripe is asked what an org has there once after each start, and what a restore lost is found before anyone pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, Unavailable
from app.payments import queries
from app.payments.checkout.card_page import open_card_page
from app.payments.checkout.open_checkout import open_card_setup
from app.payments.checkout.request import AlreadyPaid
from tests.factories import MadePlan
from tests.scenario import Org, Scenario
from tests.support.roles import BY_HAND

Restart = Callable[[], None]
LISTS = {"/v1/customers", "/v1/subscriptions"}


@pytest.fixture
def restart(app: Flask, scenario: Scenario) -> Iterator[Restart]:
    """The processes start again, a moment later."""
    before = app.extensions["tollkeeper"]

    def again() -> None:
        scenario.later(minutes=5)
        app.extensions["tollkeeper"] = replace(before, started_at=scenario.clock.now())
        scenario.later(minutes=5)

    yield again
    app.extensions["tollkeeper"] = before


@contextmanager
def asked(scenario: Scenario) -> Iterator[list[str]]:
    """The lists that Stripe is asked for meanwhile."""
    first, paths = len(scenario.stripe.calls), []
    yield paths
    calls = [each.call for each in scenario.stripe.calls[first:]]
    paths += [call.path for call in calls if call.method == "GET" and call.path in LISTS]


def on_sale(scenario: Scenario) -> MadePlan:
    """A plan whose price is at Stripe."""
    plan = scenario.plan()
    scenario.org().opens(plan)
    return plan


def customer_at_stripe(org: Org) -> str:
    """A customer that names the org, as we make them."""
    named = {"name": "Acme", "metadata": {"tollkeeper_org": str(org.id)}}
    made = org.scenario.stripe.client().v1.customers.create({**named, "payment_method": "pm_card_visa"})  # type: ignore[typeddict-item]
    return made.id


def sold_at_stripe(org: Org, plan: MadePlan, customer: str | None = None) -> str:
    """A subscription that is paid for and that our database knows nothing of, as a restore leaves it."""
    price = queries.find_version_price(org.session, plan.version_id, "month", "USD")
    assert price is not None
    v1, customer = org.scenario.stripe.client().v1, customer or customer_at_stripe(org)
    [card] = v1.payment_methods.list({"customer": customer}).data
    made = v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": price.id}],
            "default_payment_method": card.id,
            "metadata": {"tollkeeper_org": str(org.id)},
        }
    )
    org.scenario.stripe.lose()
    return made.id


def test_an_org_that_is_younger_than_the_process_is_not_asked_about(scenario: Scenario) -> None:
    with asked(scenario) as paths:
        scenario.org().opens()
    assert paths == []


def test_an_org_without_a_customer_is_asked_about_once_after_a_start(scenario: Scenario, restart: Restart) -> None:
    org, plan = scenario.org(), scenario.plan()
    restart()
    with asked(scenario) as paths:
        org.opens(plan)
        org.opens(plan, "year")
        open_card_page(org.id, actor=SYSTEM, now=org.now)
    assert paths == ["/v1/customers"]


def test_a_customer_is_asked_about_once_after_each_start(scenario: Scenario, restart: Restart) -> None:
    org, plan = scenario.org().at_checkout(), scenario.plan()
    for _ in range(2):
        restart()
        with asked(scenario) as paths:
            org.opens(plan)
            open_card_page(org.id, actor=SYSTEM, now=org.now)
        assert paths == ["/v1/subscriptions"]


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True], ids=["first purchase", "returning customer"])
def test_a_purchase_that_is_not_known_here_is_given_and_no_second_one_opens(
    scenario: Scenario, restart: Restart, known: bool
) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    customer = None
    if known:
        open_card_page(org.id, actor=SYSTEM, now=org.now)
        customer = org.customer_id
        scenario.stripe.client().v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    sold = sold_at_stripe(org, plan, customer)
    before = len(scenario.sessions())
    restart()
    with pytest.raises(AlreadyPaid):
        org.opens(plan)
    assert len(scenario.sessions()) == before
    mirror, ours = org.mirror, org.subscription
    assert mirror is not None
    assert ours is not None
    assert (mirror.id, mirror.subscription_id, ours.plan_version_id) == (sold, ours.id, plan.version_id)
    assert [(each.state, each.amount) for each in org.records] == [("completed", 1000)]
    told = text("SELECT after FROM audit_entries WHERE org_id = :org AND action = 'subscription.found_at_stripe'")
    assert org.session.scalars(told, {"org": org.id}).all() == [{"subscriptions": [sold]}]


def test_another_plan_than_the_one_that_was_lost_is_refused(scenario: Scenario, restart: Restart) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    sold_at_stripe(org, plan)
    restart()
    with pytest.raises(Conflict, match="Nothing was charged") as told:
        org.opens(scenario.plan())
    assert not isinstance(told.value, AlreadyPaid)


def test_a_card_page_makes_no_second_customer(scenario: Scenario, restart: Restart) -> None:
    org = scenario.org()
    lost = customer_at_stripe(org)
    restart()
    open_card_page(org.id, actor=SYSTEM, now=org.now)
    open_card_setup(org.id, currency="USD", actor=SYSTEM, now=org.now)
    assert [each["id"] for each in scenario.stripe.objects("customer")] == [lost]


@pytest.mark.slow
def test_of_two_customers_the_one_that_pays_is_taken(scenario: Scenario, restart: Restart) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    customer_at_stripe(org)
    sold = sold_at_stripe(org, plan)
    customer_at_stripe(org)
    restart()
    with pytest.raises(AlreadyPaid):
        org.opens(plan)
    assert org.mirror is not None
    assert org.mirror.id == sold


def test_a_customer_that_was_deleted_meanwhile_gives_way_to_the_one_made_since(
    scenario: Scenario, restart: Restart
) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    open_card_page(org.id, actor=SYSTEM, now=org.now)
    scenario.stripe.client().v1.customers.delete(org.customer_id)
    sold_at_stripe(org, plan)
    restart()
    with pytest.raises(AlreadyPaid):
        org.opens(plan)


def test_a_payment_page_that_is_not_known_here_can_no_longer_be_paid(scenario: Scenario, restart: Restart) -> None:
    org = scenario.org().at_checkout()
    lost = org.opened[-1]
    scenario.session.execute(BY_HAND)
    for table in ("billing_records", "checkouts"):
        scenario.session.execute(text(f"DELETE FROM {table} WHERE org_id = :org"), {"org": org.id})
    scenario.session.commit()
    restart()
    assert org.opens(org.plan).url != lost.url
    assert [each["status"] for each in scenario.sessions()] == ["open", "expired"]


def test_a_subscription_to_a_price_that_is_none_of_ours_lets_no_second_one_open(
    scenario: Scenario, restart: Restart
) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    sold_at_stripe(org, plan)
    org.session.execute(text("DELETE FROM stripe_prices WHERE plan_version_id = :id"), {"id": plan.version_id})
    scenario.session.commit()
    before = len(scenario.sessions())
    restart()
    for _ in range(2):
        with pytest.raises(Conflict, match="contact us"):
            org.opens(plan)
    assert len(scenario.sessions()) == before


def test_while_stripe_does_not_say_what_an_org_has_nothing_opens(scenario: Scenario, restart: Restart) -> None:
    org, plan = scenario.org(), on_sale(scenario)
    before = len(scenario.sessions())
    restart()
    scenario.stripe.fail("500", path="/v1/customers", method="GET")
    with pytest.raises(Unavailable):
        org.opens(plan)
    assert len(scenario.sessions()) == before
    org.opens(plan)
