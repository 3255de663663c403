"""Closing a usage period (rule 2.7): what was used above the allowance stands on an invoice, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text

from app.accounts.models import Org as OrgRow
from app.billing_runs.models import PeriodClose
from app.billing_runs.renewals import list_ended
from app.billing_runs.run import RunReport, run_billing
from app.invoices.models import Invoice, InvoiceLine
from app.kit.periods import boundary
from app.payments.cli import background_gateway
from app.payments.gateway import get_gateway
from tests.billing_runs.patience import patiently
from tests.scenario import Scenario
from tests.scenario.org import Org

GRACE = timedelta(hours=1)


def run(scenario: Scenario, *orgs: Org) -> RunReport:
    """One billing run for some orgs, as the worker does it each minute for all."""
    report = RunReport()
    with background_gateway():
        for org in orgs:
            one = patiently(partial(run_billing, get_gateway(), scenario.clock.now(), GRACE, org.id))
            report.rated += one.rated
            report.billed += one.billed
            report.waiting |= one.waiting
            report.errors |= one.errors
    return report


def on_pro(scenario: Scenario, calls: int, interval: str = "month") -> Org:
    """An org that bought a plan with 50,000 units for $10, a cent each above that, and used it a day later."""
    org = buys_pro(scenario, interval)
    scenario.later(days=1)
    return org.uses(calls, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


def buys_pro(scenario: Scenario, interval: str = "month") -> Org:
    org, plan = scenario.org(), scenario.plan(policy="charge", allowance=50_000)
    with background_gateway():
        opened = org.opens(plan, interval)
        org.pays(opened)
        org.returns(opened)
    scenario.stripe.lose()
    return org


def to_the_end(scenario: Scenario) -> datetime:
    """Go to where the next period of what runs at Stripe begins: it makes its drafts, and we hear of them."""
    running = [each for each in scenario.stripe.objects("subscription") if each["ended_at"] is None]
    ends = (datetime.fromtimestamp(each["items"]["data"][0]["current_period_end"], UTC) for each in running)
    end = min(end for end in ends if end > scenario.clock.at)
    scenario.at(end)
    scenario.settle()
    return end


def ends_and_closes(scenario: Scenario, org: Org) -> RunReport:
    """The period ends, its renewal is held, and an hour later it is closed; Stripe collects, and we hear of it."""
    to_the_end(scenario)
    run(scenario, org)
    scenario.later(hours=1)
    scenario.settle()
    report = run(scenario, org)
    scenario.settle()
    return report


def renewals(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    return scenario.stripe.objects("invoice", customer=org.customer_id, billing_reason="subscription_cycle")


def lines(scenario: Scenario, org: Org) -> list[InvoiceLine]:
    scenario.session.rollback()
    query = select(InvoiceLine).where(InvoiceLine.org_id == org.id)
    order = (InvoiceLine.period_start, InvoiceLine.meter_id, InvoiceLine.written_at, InvoiceLine.id)
    return list(scenario.session.scalars(query.order_by(*order)))


def invoices(scenario: Scenario, org: Org) -> list[Invoice]:
    scenario.session.rollback()
    return list(scenario.session.scalars(select(Invoice).where(Invoice.org_id == org.id).order_by(Invoice.opened_at)))


@pytest.mark.slow
def test_what_was_used_above_the_allowance_stands_on_the_renewal(scenario: Scenario) -> None:
    """$10 for the month to come, $100 for 10,000 units above 50,000 in the month that ended."""
    org = on_pro(scenario, 60_000)
    report = ends_and_closes(scenario, org)
    assert (len([key for key in report.rated if key.org_id == org.id]), report.errors) == (1, {})
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"], renewal["amount_paid"]) == ("paid", 11_000, 11_000)
    used = [line for line in renewal["lines"]["data"] if line["amount"] == 10_000]
    assert [line["discountable"] for line in used] == [False]
    line = next(line for line in lines(scenario, org) if line.amount)
    assert (line.quantity, line.amount) == (60_000, 10_000)
    assert (line.breakdown["included"], line.breakdown["excess"]) == ("50000", "10000")
    [invoice] = invoices(scenario, org)
    assert (invoice.kind, invoice.state, invoice.stripe_invoice_id) == ("renewal", "final", renewal["id"])
    [record] = [each for each in org.records if each.reason == "subscription_renewal"]
    assert (record.state, record.amount) == ("completed", 11_000)


@pytest.mark.slow
def test_the_receipt_lists_the_usage_and_goes_to_billing_contacts(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    org.session.get_one(OrgRow, org.id).billing_emails = ["books@example.com"]
    scenario.session.commit()
    ends_and_closes(scenario, org)
    [record] = [each for each in org.records if each.reason == "subscription_renewal"]
    asked = text("SELECT to_address, body_text FROM mail_outbox WHERE key LIKE 'payment_received:' || :id || ':%'")
    rows = scenario.session.execute(asked, {"id": str(record.id)}).all()
    letters = {row.to_address: row.body_text for row in rows}
    assert len(letters) == 2
    assert "60,000, of which 50,000 are included: $100.00" in letters["books@example.com"]
    assert "Total: $110.00" in letters["books@example.com"]


@pytest.mark.slow
def test_a_second_run_does_nothing(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    ends_and_closes(scenario, org)
    again = run(scenario, org)
    assert (again.rated, again.billed, again.waiting, again.errors) == ([], [], {}, {})
    assert len(renewals(scenario, org)) == 1
    assert [line.amount for line in lines(scenario, org) if line.amount] == [10_000]
    scenario_closes = list(scenario.session.scalars(select(PeriodClose).where(PeriodClose.org_id == org.id)))
    assert all(close.billed_at and close.mark for close in scenario_closes)


@pytest.mark.slow
def test_a_renewal_without_usage_to_bill_is_finalised_all_the_same(scenario: Scenario) -> None:
    org = on_pro(scenario, 10)
    ends_and_closes(scenario, org)
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"]) == ("paid", 1_000)
    assert {line.amount for line in lines(scenario, org)} == {0}


def manual(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    """Invoices that we made at Stripe."""
    made = scenario.stripe.objects("invoice", customer=org.customer_id, billing_reason="manual")
    return [each for each in made if "tollkeeper_invoice" in each["metadata"]]


def test_a_yearly_subscribers_month_gets_an_invoice_of_its_own(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000, interval="year")
    month_end = scenario.clock.at + timedelta(days=33)
    scenario.at(month_end)
    scenario.settle()
    report = run(scenario, org)
    assert report.errors == {}
    scenario.settle()
    [invoice] = manual(scenario, org)
    assert (invoice["status"], invoice["total"], invoice["amount_paid"]) == ("paid", 10_000, 10_000)
    assert renewals(scenario, org) == []
    [record] = [each for each in org.records if each.reason == "usage"]
    assert (record.state, record.amount) == ("completed", 10_000)


@pytest.mark.slow
def test_what_is_below_the_smallest_charge_waits_for_the_next_invoice(scenario: Scenario) -> None:
    """30 cents of a month, and 30 of the next: 60 cents on one invoice, as two lines."""
    org = on_pro(scenario, 50_030, interval="year")
    scenario.later(days=31)
    assert run(scenario, org).errors == {}
    assert manual(scenario, org) == []
    [waiting] = [line for line in lines(scenario, org) if line.amount]
    assert (waiting.amount, waiting.invoice_id) == (30, None)
    org.uses(50_030, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    scenario.later(days=31)
    assert run(scenario, org).errors == {}
    scenario.settle()
    [invoice] = manual(scenario, org)
    assert (invoice["total"], len(invoice["lines"]["data"])) == (60, 2)


@pytest.mark.slow
def test_the_last_usage_of_a_cancelled_subscription_is_billed_by_an_invoice_of_its_own(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    v1 = scenario.stripe.client().v1
    v1.subscriptions.update(
        scenario.stripe.objects("subscription", customer=org.customer_id)[0]["id"], {"cancel_at_period_end": True}
    )
    scenario.settle()
    to_the_end(scenario)
    scenario.later(hours=2)
    assert run(scenario, org).errors == {}
    scenario.settle()
    [invoice] = manual(scenario, org)
    assert (invoice["status"], invoice["total"]) == ("paid", 10_000)
    assert renewals(scenario, org) == []


@pytest.mark.slow
def test_where_stripe_finalised_the_renewal_before_us_the_usage_gets_an_invoice_of_its_own(scenario: Scenario) -> None:
    """`invoice.created` never came, and we were away for two hours."""
    org = on_pro(scenario, 60_000)
    scenario.stripe.hold()
    to_the_end(scenario)
    scenario.later(hours=2)
    scenario.stripe.run_due()
    scenario.stripe.release()
    assert run(scenario, org).errors == {}
    scenario.settle()
    assert [each["total"] for each in renewals(scenario, org)] == [1_000]
    assert [(each["status"], each["total"]) for each in manual(scenario, org)] == [("paid", 10_000)]


@pytest.mark.parametrize(
    "kind", ["429", "500", "503", "reset", "reset_before", pytest.param("timeout", marks=pytest.mark.long)]
)  # a time-out takes twenty seconds, and is a lost answer as `reset` is
@pytest.mark.parametrize("path", ["/v1/invoiceitems", "/v1/invoices/"])
@pytest.mark.slow
def test_whatever_stripe_answers_the_usage_is_billed_once(scenario: Scenario, kind: str, path: str) -> None:
    org = on_pro(scenario, 60_000)
    to_the_end(scenario)
    run(scenario, org)
    scenario.later(hours=1)
    scenario.settle()
    scenario.stripe.fail(kind, times=1, path=path, method="POST")
    for _ in range(4):
        run(scenario, org)
        scenario.later(minutes=3)
    scenario.settle()
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"]) == ("paid", 11_000)
    assert manual(scenario, org) == []


def test_what_nobody_collects_is_rated_zero_and_says_so(scenario: Scenario) -> None:
    org = scenario.org().uses(1_000)
    scenario.later(days=40)
    assert run(scenario, org).errors == {}
    [line] = [line for line in lines(scenario, org) if line.quantity]
    assert (line.amount, line.reason, line.invoice_id) == (0, "not_collected", None)


def test_an_offline_orgs_usage_is_on_an_invoice_of_ours(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan)
    scenario.later(days=1)
    org.uses(60_000, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    scenario.later(days=40)
    assert run(scenario, org).errors == {}
    [line] = [line for line in lines(scenario, org) if line.meter_id and line.amount]
    assert line.amount == 10_000
    [invoice] = [each for each in invoices(scenario, org) if each.id == line.invoice_id]
    assert (invoice.kind, invoice.state, invoice.stripe_invoice_id) == ("offline", "final", None)


def test_a_draft_of_somebody_elses_is_not_touched(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000, interval="year")
    v1 = scenario.stripe.client().v1
    theirs = v1.invoices.create({"customer": org.customer_id, "auto_advance": False})
    scenario.later(days=32)
    assert run(scenario, org).errors == {}
    found = next(each for each in scenario.stripe.objects("invoice") if each["id"] == theirs.id)
    assert (found["status"], found["lines"]["data"]) == ("draft", [])
    assert [each["total"] for each in manual(scenario, org)] == [10_000]


@pytest.mark.slow
def test_a_failed_org_does_not_stop_the_others_and_is_reported(scenario: Scenario) -> None:
    lost, fine = on_pro(scenario, 60_000, interval="year"), on_pro(scenario, 60_000, interval="year")
    scenario.later(days=33)
    scenario.stripe.fail("503", times=3, path="/v1/invoices", method="POST")  # a call and its two retries
    report = run(scenario, lost, fine)
    assert [key.org_id for key in report.errors] == [lost.id]
    assert len(manual(scenario, fine)) == 1
    for _ in range(3):
        scenario.later(minutes=3)
        run(scenario, lost, fine)
    scenario.settle()
    assert [[each["total"] for each in manual(scenario, org)] for org in (lost, fine)] == [[10_000], [10_000]]


@pytest.mark.slow
def test_a_coupon_takes_its_part_of_the_fee_and_nothing_of_the_usage(scenario: Scenario) -> None:
    """20 % off: $8 for the month to come, and $100 for usage."""
    org = on_pro(scenario, 60_000)
    v1 = scenario.stripe.client().v1
    coupon = v1.coupons.create({"percent_off": 20, "duration": "forever"})
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    v1.subscriptions.update(running["id"], {"discounts": [{"coupon": coupon.id}]})
    scenario.settle()
    ends_and_closes(scenario, org)
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"]) == ("paid", 10_800)


@pytest.mark.slow
def test_a_balance_at_stripe_pays_its_part(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    v1 = scenario.stripe.client().v1
    v1.customers.balance_transactions.create(org.customer_id, {"amount": -2_500, "currency": "usd"})
    ends_and_closes(scenario, org)
    [renewal] = renewals(scenario, org)
    assert (renewal["total"], renewal["amount_paid"], renewal["starting_balance"]) == (11_000, 8_500, -2_500)
    assert [each.amount for each in org.records if each.reason == "subscription_renewal"] == [8_500]


def to_hold(scenario: Scenario, *orgs: Org) -> list[Org]:
    """Those of the orgs whose renewal drafts a run would look for, in its order."""
    with background_gateway():
        found = [key.org_id for key, _ in list_ended(scenario.session, scenario.clock.now(), 10_000)]
    scenario.session.rollback()
    return sorted((org for org in orgs if org.id in found), key=lambda org: found.index(org.id))


@pytest.mark.slow
def test_a_run_looks_for_the_drafts_that_it_does_not_hold_and_for_failed_ones_last(scenario: Scenario) -> None:
    """A run looks for so many: what it has done, what never renews and what always fails must not hide the others."""
    held, fails, fresh = (buys_pro(scenario) for _ in range(3))
    yearly = buys_pro(scenario, "year")
    end = to_the_end(scenario)
    scenario.at(end + timedelta(minutes=6))
    scenario.settle()
    assert to_hold(scenario, held, fails, fresh, yearly) == [held, fails, fresh]
    run(scenario, held)
    scenario.stripe.fail("500", times=9, path="/v1/invoices")
    assert run(scenario, fails).errors
    scenario.stripe.world.faults.clear()
    assert to_hold(scenario, held, fails, fresh) == [fresh, fails]


def test_stripe_is_not_asked_for_a_draft_where_nothing_renews(scenario: Scenario) -> None:
    """A month of a yearly subscription ends: until the close there is nothing to look for at Stripe."""
    org = on_pro(scenario, 60_000, interval="year")
    renews = datetime.fromtimestamp(scenario.stripe.objects("subscription")[0]["billing_cycle_anchor"], UTC)
    scenario.at(boundary(renews, 1, "UTC") + timedelta(minutes=10))
    scenario.stripe.fail("500", times=9, path="/v1/invoices")
    assert run(scenario, org).errors == {}
    scenario.stripe.world.faults.clear()
    scenario.later(hours=1)
    assert [len(found) for found in (run(scenario, org).rated, manual(scenario, org))] == [1, 1]
