"""Pay for overage on a plan without a fee (rules 2.3, 2.6): off by default, and billed by an invoice of its own."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.catalog.queries import find_default_version
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.payments import queries as payments
from app.payments.cli import background_gateway
from app.payments.payment_methods.pay_for_overage import pay_for_overage, stop_paying_for_overage
from app.subscriptions.overage.consents import find_consent
from app.web.database import transaction
from tests.billing_runs.test_close import lines, manual, run
from tests.scenario import Scenario
from tests.scenario.org import Org

FREE = 1_000


@pytest.fixture
def free(scenario: Scenario) -> Org:
    """An org on the Free plan with a saved card: 1,000 calls a month, a cent each above them."""
    scenario.at("2026-11-10 09:00").default_plan()
    org = scenario.org()
    with background_gateway():
        opened = org.opens_card_page()
        org.pays(opened)
        assert org.returns(opened) == "saved"
    scenario.stripe.lose()
    return org.with_period()


def switch_on(org: Org, *, version: object = None, card: str | None = None) -> None:
    with transaction() as session:
        shown = version or find_default_version(session).id  # type: ignore[union-attr]  # there is one
        customer = payments.find_customer(session, org.id)
        assert customer is not None
        pay_for_overage(session, org.id, shown, card or str(customer.card_id), actor=SYSTEM, now=org.now)  # type: ignore[arg-type]


def switch_off(org: Org) -> None:
    with transaction() as session:
        stop_paying_for_overage(session, org.id, actor=SYSTEM, now=org.now)


def use(org: Org, calls: int) -> None:
    """On two days ago, so that today's limit of 500 is not in the way."""
    org.uses(calls, at="2026-11-08 12:00")


def test_it_is_off_by_default_and_a_saved_card_alone_changes_nothing(scenario: Scenario, free: Org) -> None:
    use(free, FREE)
    assert not free.may_use(1)
    assert free.cap() == FREE


def test_while_it_is_on_usage_above_the_allowance_is_charged(scenario: Scenario, free: Org) -> None:
    """1,200 calls: 200 at a cent, on a Stripe invoice to the saved card when the calendar month is closed."""
    switch_on(free)
    use(free, FREE)
    assert (free.may_use(1), free.granted()["cap"]) == (True, None)
    assert free.reports(200) == 200
    assert free.reads("/usage/current")["usage_cost"] == 200
    scenario.at("2026-12-01 02:00")
    assert run(scenario, free).errors == {}
    scenario.settle()
    [invoice] = manual(scenario, free)
    assert (invoice["status"], invoice["total"], invoice["amount_paid"], invoice["currency"]) == (
        "paid",
        200,
        200,
        "usd",
    )
    [line] = [line for line in lines(scenario, free) if line.quantity]
    assert (line.amount, line.reason, f"{line.period_start:%d %b}") == (200, None, "01 Nov")
    [record] = free.records
    assert (record.state, record.reason, record.amount) == ("completed", "usage", 200)


def test_switched_off_it_refuses_at_once_and_what_was_recorded_stays_owed(scenario: Scenario, free: Org) -> None:
    switch_on(free)
    use(free, FREE + 200)
    scenario.later(hours=1)
    switch_off(free)
    assert (free.may_use(1), free.cap()) == (False, FREE)
    scenario.at("2026-12-01 02:00")
    assert run(scenario, free).errors == {}
    assert [each["total"] for each in manual(scenario, free)] == [200]
    assert (free.cap(), free.granted()["sources"]["charge"]) == (FREE, "not_collected")


@pytest.mark.slow
def test_it_is_off_again_after_a_cancellation(scenario: Scenario, free: Org) -> None:
    switch_on(free)
    scenario.later(days=1)
    free.buys()
    with transaction() as session:
        assert find_consent(session, free.id) is None
    v1 = scenario.stripe.client().v1
    v1.subscriptions.cancel(scenario.stripe.objects("subscription", customer=free.customer_id)[0]["id"])
    scenario.settle()
    assert (free.subscription, free.cap()) == (None, FREE)


@pytest.mark.slow
def test_what_was_used_before_a_plan_was_bought_is_billed(scenario: Scenario, free: Org) -> None:
    switch_on(free)
    use(free, FREE + 200)
    scenario.later(hours=1)
    free.buys()
    scenario.later(hours=2)
    assert run(scenario, free).errors == {}
    assert [each["total"] for each in manual(scenario, free)] == [200]


def test_both_presses_are_audited_and_repeating_one_changes_nothing(scenario: Scenario, free: Org) -> None:
    for _ in range(2):
        switch_on(free)
    for _ in range(2):
        switch_off(free)
    query = select(AuditEntry).where(AuditEntry.org_id == free.id, AuditEntry.action.startswith("overage."))
    [on, off] = scenario.session.scalars(query.order_by(AuditEntry.id))
    assert (on.action, off.action) == ("overage.switched_on", "overage.switched_off")
    assert on.after["card"] == "Visa ending 4242"
    [charge] = on.after["charges"]
    assert (charge["meter"], charge["properties"], charge["hard_limit"]) == (
        "api_calls", {"unit_amount": "0.01"}, None,
    )  # fmt: skip


def test_what_was_not_shown_is_not_agreed_to(scenario: Scenario, free: Org) -> None:
    with pytest.raises(Conflict):
        switch_on(free, version=scenario.plan().version_id)
    with pytest.raises(Conflict):
        switch_on(free, card="pm_another")
    assert not free.may_use(FREE + 1)


def test_without_a_card_it_is_refused(scenario: Scenario) -> None:
    org = scenario.org()
    with transaction() as session, pytest.raises(Conflict, match="Add a card"):
        pay_for_overage(session, org.id, scenario.default_plan().version_id, "pm_1", actor=SYSTEM, now=org.now)


def test_it_is_off_once_the_card_is_gone(scenario: Scenario, free: Org) -> None:
    switch_on(free)
    v1 = scenario.stripe.client().v1
    v1.payment_methods.detach(scenario.stripe.objects("payment_method", customer=free.customer_id)[0]["id"])
    scenario.settle()
    assert free.cap() == FREE
    with transaction() as session:
        assert find_consent(session, free.id) is None
