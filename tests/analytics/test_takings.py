"""Revenue over Stripe: what was paid, refunded and credited, on its day and without tax."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.analytics.months import MonthRange
from app.analytics.report import CurrencyReport, ReportFilter, get_report
from app.analytics.takings import list_first_paid
from app.kit.clock import Clocks
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.installation import app_on

NEXT = datetime(2027, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    with app_on(database, clocks, **stripe_server.stripe_settings()) as made:
        yield made


def told(scenario: Scenario, org: Org) -> CurrencyReport:
    scenario.session.rollback()
    month = scenario.clock.now().date().replace(day=1)
    asked = ReportFilter(MonthRange(month, month), org_id=org.id)
    [found] = get_report(scenario.session, asked, scenario.clock.now()).currencies
    return found


def update(scenario: Scenario, org: Org, **changes: Any) -> None:
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    scenario.stripe.client().v1.subscriptions.update(running["id"], changes)  # type: ignore[arg-type]
    scenario.settle()


def refund(scenario: Scenario, org: Org, amount: int) -> None:
    [payment] = scenario.stripe.objects("payment_intent", customer=org.customer_id)
    scenario.stripe.client().v1.refunds.create({"payment_intent": payment["id"], "amount": amount})
    scenario.settle()


@pytest.mark.slow
def test_a_purchase_is_recurring_and_paid(scenario: Scenario) -> None:
    org = scenario.org().paying()
    found = told(scenario, org)
    assert (found.start, found.end, found.sums["new"]) == (0, 1000, 1000)
    assert found.takings.total == 1000
    assert org.plan is not None
    assert [(row.key, row.fees, row.overage) for row in found.takings.plans] == [(org.plan.key, 1000, 0)]
    month = scenario.clock.now().date().replace(day=1)
    assert list_first_paid(scenario.session)["USD"][org.id] == month


def test_what_is_refunded_is_revenue_no_more(scenario: Scenario) -> None:
    org = scenario.org().paying()
    refund(scenario, org, 400)
    found = told(scenario, org)
    assert (found.takings.total, found.end) == (600, 1000)


@pytest.mark.slow
def test_a_credit_note_kept_on_the_balance_is_taken_off_once(scenario: Scenario) -> None:
    """Off the month of the note; the next invoice is paid with it."""
    org = scenario.org().paying()
    [invoice] = scenario.stripe.objects("invoice", customer=org.customer_id)
    scenario.stripe.client().v1.credit_notes.create({"invoice": invoice["id"], "amount": 300, "credit_amount": 300})
    scenario.settle()
    assert told(scenario, org).takings.total == 700
    scenario.renew()
    assert told(scenario, org).takings.total == 1000


@pytest.mark.slow
def test_credit_given_by_hand_is_no_money(scenario: Scenario) -> None:
    org = scenario.org().paying()
    v1 = scenario.stripe.client().v1
    v1.customers.balance_transactions.create(org.customer_id, {"amount": -400, "currency": "usd"})
    scenario.settle()
    first = told(scenario, org).takings
    assert (first.total, [month[2] for month in first.months.values()]) == (600, [-400])
    scenario.renew()
    assert told(scenario, org).takings.total == 1000


def test_discounts_quantities_and_pauses_move_recurring_revenue(scenario: Scenario) -> None:
    org = scenario.org().paying()
    coupon = scenario.stripe.client().v1.coupons.create({"percent_off": 25, "duration": "forever"})
    update(scenario, org, discounts=[{"coupon": coupon.id}])
    assert told(scenario, org).end == 750
    once = scenario.stripe.client().v1.coupons.create({"percent_off": 50, "duration": "once"})
    update(scenario, org, discounts=[{"coupon": once.id}])
    found = told(scenario, org)
    assert (found.end, found.book.committed) == (500, 1000)
    update(scenario, org, pause_collection={"behavior": "void"}, discounts="")
    assert told(scenario, org).end == 0
    update(scenario, org, pause_collection="")
    assert told(scenario, org).end == 1000
    update(scenario, org, cancel_at_period_end=True)
    found = told(scenario, org)
    assert (found.end, found.book.committed) == (1000, 0)


def test_a_price_by_hand_counts_as_what_is_charged(scenario: Scenario) -> None:
    org = scenario.org().paying()
    org.on_price_by_hand()
    scenario.settle()
    assert told(scenario, org).end == 2300


@pytest.mark.slow
def test_a_failed_renewal_is_no_revenue_and_counts_until_it_is_given_up(scenario: Scenario) -> None:
    org = scenario.org().paying()
    org.past_due()
    found = told(scenario, org)
    assert (found.end, found.takings.total) == (1000, 0)
    org.with_card()
    scenario.settle()
    org.pays_what_is_owed()
    scenario.settle()
    assert told(scenario, org).takings.total == 1000
