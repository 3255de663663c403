"""What revenue figures will need of the past is mirrored from the first day: discounts, trials, pauses, balances."""

from __future__ import annotations

from typing import Any

import pytest

from app.payments import queries
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription
from tests.scenario import Scenario
from tests.scenario.org import Org


def mirrors(scenario: Scenario, org: Org) -> tuple[StripeSubscription, StripeCustomer]:
    scenario.settle()
    scenario.session.rollback()
    subscription = queries.find_open_subscription(scenario.session, org.id)
    customer = queries.find_customer(scenario.session, org.id)
    assert subscription is not None
    assert customer is not None
    return subscription, customer


def update(scenario: Scenario, org: Org, **changes: Any) -> None:
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    scenario.stripe.client().v1.subscriptions.update(running["id"], changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_discounts_are_kept_with_what_they_take_off(scenario: Scenario) -> None:
    org = scenario.org().paying()
    v1 = scenario.stripe.client().v1
    part = v1.coupons.create({"percent_off": 12.5, "duration": "forever"})
    update(scenario, org, discounts=[{"coupon": part.id}])
    subscription, _ = mirrors(scenario, org)
    assert subscription.discounts == [
        {"coupon": part.id, "percent_off": "12.5", "amount_off": None, "currency": None, "ends_at": None, "once": False}
    ]
    amount = v1.coupons.create({"amount_off": 300, "currency": "usd", "duration": "forever"})
    update(scenario, org, discounts=[{"coupon": amount.id}])
    subscription, _ = mirrors(scenario, org)
    assert [(each["amount_off"], each["currency"]) for each in subscription.discounts] == [(300, "USD")]
    scenario.renew()
    renewal = scenario.session.query(StripeInvoice).filter_by(org_id=org.id, billing_reason="subscription_cycle").one()
    assert (renewal.total, renewal.discount) == (700, 300)
    update(scenario, org, discounts="")
    assert mirrors(scenario, org)[0].discounts == []


def test_a_pause_of_collection_is_kept_until_it_ends(scenario: Scenario) -> None:
    org = scenario.org().paying()
    update(scenario, org, pause_collection={"behavior": "keep_as_draft"})
    assert mirrors(scenario, org)[0].collection_paused == "keep_as_draft"
    update(scenario, org, pause_collection="")
    assert mirrors(scenario, org)[0].collection_paused is None


@pytest.mark.slow
def test_a_balance_is_kept_on_the_customer_and_on_the_invoice_that_it_pays(scenario: Scenario) -> None:
    org = scenario.org().paying()
    v1 = scenario.stripe.client().v1
    v1.customers.balance_transactions.create(org.customer_id, {"amount": -400, "currency": "usd"})
    assert mirrors(scenario, org)[1].balance == -400
    scenario.renew()
    renewal = scenario.session.query(StripeInvoice).filter_by(org_id=org.id, billing_reason="subscription_cycle").one()
    assert (renewal.total, renewal.amount_paid) == (1_000, 600)
    assert (renewal.starting_balance, renewal.ending_balance) == (-400, 0)
    assert mirrors(scenario, org)[1].balance == 0
