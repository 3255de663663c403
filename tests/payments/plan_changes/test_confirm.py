"""A confirmed quote changes the plan once and charges once what it said, or nothing at all; whatever comes between."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from app.catalog.queries import find_version
from app.kit.actor import Actor
from app.kit.errors import Conflict, DomainError, Unavailable
from app.kit.ids import new_id
from app.ops.doctor_payments import check_changes
from app.payments.cli import background_gateway
from app.payments.errors import ChangeNotNow, QuoteExpired
from app.payments.gateway import get_gateway
from app.payments.models import BillingRecord
from app.payments.plan_changes.case import load_case
from app.payments.plan_changes.confirm import confirm_change
from app.payments.plan_changes.make_quote import QuotedChange, make_quote
from app.payments.plan_changes.models import PlanChangeAttempt
from app.payments.plan_changes.outcome import ChangeResult
from app.payments.plan_changes.quote import sign_quote
from app.payments.price_push.price_selection import list_paid_prices
from app.payments.price_push.push import ensure_price
from app.payments.queries import find_version_price
from app.payments.tasks import resolve_pending_payments
from app.web.database import db, transaction
from app.web.runtime import runtime
from tests.factories import MadePlan
from tests.scenario import Org, Scenario
from tests.standin_visit import Visit

ACTOR = Actor("user", new_id())
DECLINES = "pm_card_chargeCustomerFail"
SECURE = "pm_card_authenticationRequired"
HALF = timedelta(days=15)


def quoted(org: Org, plan: MadePlan, interval: str = "month") -> QuotedChange:
    push(org, plan)
    with transaction() as session:
        case = load_case(session, org.id, plan.key, interval, org.now)
    assert case.decision.timing == "at_once", case.decision
    return make_quote(get_gateway(), case, org.now)


def push(org: Org, plan: MadePlan) -> None:
    """As `flask catalog push` does."""
    with transaction() as session:
        version = find_version(session, plan.version_id)
        assert version is not None
        selections = list_paid_prices(version)
    for selection in selections:
        ensure_price(get_gateway(), selection, org.now)


def confirm(org: Org, change: QuotedChange, *, hurried: bool = False) -> ChangeResult:
    """Press the button, however busy the machine is, unless the page's own patience matters."""
    secret = runtime().settings.secret_key
    with nullcontext() if hurried else background_gateway():
        return confirm_change(org.id, sign_quote(change.quote, secret), actor=ACTOR, now=org.now)


def started(scenario: Scenario) -> tuple[Org, MadePlan]:
    """An org halfway through a month of a plan for 10.00, and a plan for 40.00."""
    org = scenario.org().paying(scenario.plan())
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    scenario.later(days=15)
    return org, dearer


def changes(scenario: Scenario, org: Org) -> list[PlanChangeAttempt]:
    return list(org.session.scalars(select(PlanChangeAttempt).where(PlanChangeAttempt.org_id == org.id)))


def charges(scenario: Scenario, org: Org) -> list[int]:
    paid = scenario.stripe.objects("charge", customer=org.customer_id)
    return sorted(each["amount"] for each in paid if each["paid"])


def unchanged(scenario: Scenario, org: Org) -> None:
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    assert charges(scenario, org) == [1000]


@pytest.mark.slow
def test_what_was_quoted_is_charged_and_the_plan_is_changed(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    assert (change.quote.total, change.quote.next_amount) == (1500, 4000)
    assert change.expected == change.previewed == 1500
    result = confirm(org, change)
    assert (result.state, result.plan_name, result.amount) == ("applied", dearer.key, 1500)
    assert org.plan_version == dearer.version_id
    assert charges(scenario, org) == [1000, 1500]
    [row] = changes(scenario, org)
    assert (row.state, row.amount, row.asked_by) == ("applied", 1500, ACTOR.id)
    [record] = [each for each in org.records if each.reason == "subscription_change"]
    assert (record.state, record.amount, record.plan_change_id) == ("completed", 1500, row.id)
    assert org.books["records"] == ["completed", "completed"]
    scenario.settle()
    assert org.books["records"] == ["completed", "completed"]


@pytest.mark.slow
def test_a_longer_interval_begins_a_whole_new_period(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer, "year")
    assert change.quote.total == 40000 - 500
    assert change.quote.next_at == org.now.replace(year=org.now.year + 1)
    assert confirm(org, change).state == "applied"
    assert org.subscription is not None
    assert (org.subscription.interval, org.subscription.billing_ends_at) == ("year", change.quote.next_at)
    assert change.expected == change.previewed


@pytest.mark.slow
def test_the_running_usage_period_goes_on_with_one_allowance(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    before = org.period
    period = (before.starts_at, before.ends_at)
    confirm(org, quoted(org, dearer))
    assert (org.period.starts_at, org.period.ends_at) == period
    highest = scenario.plan(sold=("USD", "90.00", "900.00"))
    scenario.later(days=1)
    confirm(org, quoted(org, highest))
    assert (org.period.starts_at, org.period.ends_at) == period
    assert org.plan_version == highest.version_id


def test_a_second_hop_agrees_with_our_formula(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    confirm(org, quoted(org, dearer))
    highest = scenario.plan(sold=("USD", "90.00", "900.00"))
    scenario.later(days=3, hours=5)
    change = quoted(org, highest)
    assert change.expected is not None
    assert abs(change.expected - change.previewed) <= 1


@pytest.mark.slow
def test_the_same_quote_changes_and_charges_once(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    assert [confirm(org, change).state for _ in range(3)] == ["applied"] * 3
    assert charges(scenario, org) == [1000, 1500]


@pytest.mark.slow
def test_a_second_tab_charges_nothing_more(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    first, second = quoted(org, dearer), quoted(org, dearer)
    assert confirm(org, first).amount == 1500
    again = confirm(org, second)
    assert (again.state, again.amount) == ("applied", 0)
    assert charges(scenario, org) == [1000, 1500]


@pytest.mark.slow
def test_a_quote_ends_after_thirty_minutes(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    scenario.later(minutes=29, seconds=59)
    assert confirm(org, change).state == "applied"
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    scenario.later(minutes=30)
    with pytest.raises(QuoteExpired):
        confirm(org, change)
    unchanged(scenario, org)


def test_a_quote_ends_with_the_billing_period(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    [end] = [each["items"]["data"][0]["current_period_end"] for each in scenario.stripe.objects("subscription")]
    scenario.clock.at = scenario.clock.at.fromtimestamp(end, scenario.clock.at.tzinfo) - timedelta(minutes=10)
    change = quoted(org, dearer)
    assert change.quote.expires_at == org.now + timedelta(minutes=10)
    scenario.later(minutes=20)
    scenario.settle()
    with pytest.raises((QuoteExpired, ChangeNotNow)):
        confirm(org, change)
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id


def coupon(scenario: Scenario, org: Org) -> None:
    v1: Any = scenario.stripe.client().v1
    made = v1.coupons.create({"percent_off": 50, "duration": "forever"})
    v1.subscriptions.update(scenario.stripe.objects("subscription")[0]["id"], {"discounts": [{"coupon": made.id}]})


@pytest.mark.slow
def test_a_discount_is_taken_off_what_comes_and_what_was_billed_is_credited(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    coupon(scenario, org)
    change = quoted(org, dearer)
    assert (change.quote.total, change.expected, change.drifts) == (500, 500, False)
    assert confirm(org, change).amount == 500
    highest = scenario.plan(sold=("USD", "90.00", "900.00"))
    scenario.later(days=3, hours=5)
    again = quoted(org, highest)
    assert not again.drifts, (again.expected, again.previewed)
    assert confirm(org, again).amount == again.quote.amount_due
    yearly = quoted(org, highest, "year")
    assert not yearly.drifts, (yearly.expected, yearly.previewed)


@pytest.mark.slow
def test_a_change_in_a_trial_is_free_and_keeps_its_end(scenario: Scenario) -> None:
    org, plan, dearer = scenario.org(), scenario.plan(), scenario.plan(sold=("USD", "40.00", "400.00"))
    opened = org.opens_card_page()
    org.pays(opened)
    org.returns(opened)
    push(org, plan)
    price = find_version_price(org.session, plan.version_id, "month", "USD")
    assert price is not None
    v1: Any = scenario.stripe.client().v1
    made = v1.subscriptions.create(
        {"customer": org.customer_id, "items": [{"price": price.id}], "trial_period_days": 14,
         "metadata": {"tollkeeper_org": str(org.id)}}
    )  # fmt: skip
    scenario.settle()
    for interval in ("month", "year"):
        change = quoted(org, dearer, interval)
        assert (change.quote.total, change.drifts) == (0, False)
        assert confirm(org, change).state == "applied"
        scenario.later(days=1)
    assert org.mirror is not None
    assert org.mirror.trial_ends_at is not None
    assert int(org.mirror.trial_ends_at.timestamp()) == made["trial_end"]
    assert org.plan_version == dearer.version_id
    assert [each for each in scenario.stripe.objects("charge") if each["paid"]] == []


def balance(scenario: Scenario, org: Org) -> None:
    v1: Any = scenario.stripe.client().v1
    v1.customers.balance_transactions.create(org.customer_id, {"amount": -700, "currency": "usd"})


@pytest.mark.slow
def test_an_amount_that_is_not_ours_is_kept_as_drift(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    v1: Any = scenario.stripe.client().v1
    v1.invoice_items.create({"customer": org.customer_id, "amount": 300, "currency": "usd", "description": "By hand"})
    change = quoted(org, dearer)
    assert (change.expected, change.previewed, change.drifts) == (1500, 1800, True)
    assert confirm(org, change).amount == 1800
    assert [row.drifts for row in changes(scenario, org)] == [True]
    settings = runtime().settings
    with psycopg.connect(settings.database_url) as connection:
        found = check_changes(connection, settings)
    assert found.status == "warning"
    assert "1800, not 1500" in found.detail


@pytest.mark.parametrize("happens", [coupon, balance])
@pytest.mark.slow
def test_what_changes_the_amount_ends_the_quote(scenario: Scenario, happens: Any) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    happens(scenario, org)
    with pytest.raises(QuoteExpired):
        confirm(org, change)
    unchanged(scenario, org)
    assert changes(scenario, org) == []
    again = quoted(org, dearer)
    assert again.quote.amount_due != change.quote.amount_due
    assert confirm(org, again).state == "applied"


def test_an_address_that_is_changed_ends_the_quote(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    with pytest.raises(QuoteExpired):
        confirm(org, replace(change, quote=replace(change.quote, tax="another")))
    unchanged(scenario, org)


@pytest.mark.slow
def test_a_declined_card_changes_nothing_and_the_change_can_be_paid(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    org.with_card(DECLINES)
    own_card(scenario, org)
    change = quoted(org, dearer)
    result = confirm(org, change)
    assert (result.state, result.amount, result.until) == ("declined", 1500, org.now + timedelta(hours=23))
    assert result.pay_url
    assert result.reason
    unchanged(scenario, org)
    assert org.mirror is not None
    assert org.mirror.status == "active"
    assert org.books["records"] == ["completed", "failed"]
    assert confirm(org, change).state == "declined"
    with pytest.raises(AssertionError, match="pending_update"):
        quoted(org, dearer)
    v1 = scenario.stripe.client().v1
    good = v1.payment_methods.attach("pm_card_visa", {"customer": org.customer_id}).id
    v1.invoices.pay(scenario.stripe.objects("invoice")[0]["id"], {"payment_method": good})
    scenario.settle()
    assert org.plan_version == dearer.version_id
    assert charges(scenario, org) == [1000, 1500]
    assert org.books["records"] == ["completed", "completed"]
    assert [each.state for each in changes(scenario, org)] == ["applied"]


def own_card(scenario: Scenario, org: Org) -> None:
    """The subscription is charged to the customer's card."""
    customer = scenario.stripe.objects("customer", id=org.customer_id)[0]
    card = customer["invoice_settings"]["default_payment_method"]
    scenario.stripe.client().v1.subscriptions.update(
        scenario.stripe.objects("subscription")[0]["id"], {"default_payment_method": card}
    )
    scenario.settle()


@pytest.mark.slow
def test_a_change_that_is_not_paid_in_time_lapses(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    org.with_card(DECLINES)
    own_card(scenario, org)
    confirm(org, quoted(org, dearer))
    scenario.later(hours=24)
    scenario.settle()
    unchanged(scenario, org)
    assert [each.state for each in changes(scenario, org)] == ["lapsed"]
    assert org.books["records"] == ["completed", "failed"]
    assert quoted(org, dearer).quote.total < 1500


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.slow
def test_a_bank_that_asks_decides(scenario: Scenario, passes: bool) -> None:
    org, dearer = started(scenario)
    org.with_card(SECURE)
    own_card(scenario, org)
    result = confirm(org, quoted(org, dearer))
    assert result.state == "confirm"
    assert result.pay_url
    unchanged(scenario, org)
    page = visit_invoice(scenario, result.pay_url, "pass" if passes else "fail")
    scenario.settle()
    assert (org.plan_version == dearer.version_id) is passes, page
    assert charges(scenario, org) == ([1000, 1500] if passes else [1000])


def visit_invoice(scenario: Scenario, url: str, secure: str) -> str:
    """The cardholder confirms on the invoice's page, or fails to."""
    visit = Visit(scenario.stripe.url)
    visit.open(url)
    visit.submit("confirm")
    visit.submit("authenticate", answer=secure)
    return visit.text


@pytest.mark.parametrize("kind", ["reset", "reset_before", "timeout"])
@pytest.mark.slow
def test_a_lost_answer_is_asked_about_and_nothing_is_charged_twice(scenario: Scenario, kind: str) -> None:
    """Also what a process leaves that was killed between its row and the call, or between the call and its answer."""
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    scenario.stripe.fail(kind, path="/v1/subscriptions", method="POST", times=3, seconds=3)
    with pytest.raises(Unavailable) as lost:
        confirm(org, change, hurried=True)
    assert lost.value.code == "outcome_unknown"
    assert [each.state for each in changes(scenario, org)] == ["asked"]
    with pytest.raises(AssertionError, match="processing"):
        quoted(org, dearer)
    scenario.stripe.world.faults.clear()
    assert confirm(org, change).state == "applied"
    assert charges(scenario, org) == [1000, 1500]


@pytest.mark.slow
def test_two_presses_at_once_change_and_charge_once(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change, other = quoted(org, dearer), quoted(org, dearer)
    states: list[str] = []

    def click(shown: QuotedChange) -> None:
        with scenario.app.app_context():
            states.append(confirm(org, shown, hurried=True).state)
            db.session.remove()

    scenario.session.rollback()
    with background_gateway():
        threads = [threading.Thread(target=click, args=(shown,)) for shown in (change, change, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert states == ["applied"] * 3
    assert charges(scenario, org) == [1000, 1500]
    assert len(changes(scenario, org)) == 1


@pytest.mark.slow
def test_a_lost_answer_is_found_out_by_the_sweep(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    scenario.stripe.fail("reset", path="/v1/subscriptions", method="POST", times=3)
    with pytest.raises(Unavailable):
        confirm(org, quoted(org, dearer))
    scenario.stripe.lose()
    with pytest.raises(AssertionError, match="processing"):
        quoted(org, dearer)
    scenario.later(minutes=3)
    resolve()
    done = org.plan_version == dearer.version_id
    assert [each.state for each in changes(scenario, org)] == ["applied" if done else "failed"]
    assert charges(scenario, org) == ([1000, 1500] if done else [1000])


def resolve() -> None:
    with background_gateway():
        resolve_pending_payments()


@pytest.mark.slow
def test_stripes_own_failure_charges_nothing(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    scenario.stripe.fail("500", path="/v1/subscriptions", method="POST", times=3)
    with pytest.raises(DomainError):
        confirm(org, change)
    unchanged(scenario, org)
    with pytest.raises(QuoteExpired):
        confirm(org, change)
    assert confirm(org, quoted(org, dearer)).state == "applied"


def test_a_plan_that_is_cancelled_or_owing_is_not_changed(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    scenario.stripe.client().v1.subscriptions.update(
        scenario.stripe.objects("subscription")[0]["id"], {"cancel_at_period_end": True}
    )
    scenario.settle()
    with pytest.raises(ChangeNotNow):
        confirm(org, change)
    unchanged(scenario, org)


def test_another_orgs_quote_is_none(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    change = quoted(org, dearer)
    other = scenario.org()
    with pytest.raises(Conflict):
        confirm(other, change)
    assert org.session.scalar(select(BillingRecord.id).where(BillingRecord.org_id == other.id)) is None
