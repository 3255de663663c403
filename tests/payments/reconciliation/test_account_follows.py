"""A run follows what nobody told us of an account: credit notes, refunds, movements of the customer's balance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from app.payments.mirrors.models import StripeBalanceMovement, StripeCreditNote, StripeRefund
from app.payments.tasks import reconcile, reconcile_everything
from tests.payments.reconciliation.test_reconcile import alone, app, paying, up_to_date
from tests.scenario import Org, Scenario

__all__ = ["alone", "app"]  # an installation of these tests' own, empty at the start of each

Run = Callable[[], Any]


def count(org: Org, table: type[Any]) -> int:
    org.scenario.session.rollback()
    return int(org.scenario.session.scalar(select(func.count()).where(table.org_id == org.id)) or 0)


def differing(report: Any) -> set[tuple[str, bool]]:
    return {(each.kind, each.repaired) for each in report.differences}


def at_the_dashboard(org: Org) -> None:
    """A note with a refund and a credit, another refund, a credit by hand and its end; every event is lost."""
    v1, stripe = org.scenario.stripe.client().v1, org.scenario.stripe
    lines = [{"type": "custom_line_item", "description": "Goodwill", "quantity": 1, "unit_amount": 300}]
    given: Any = {"invoice": org.record.invoice_id, "lines": lines, "refund_amount": 100, "credit_amount": 200}
    v1.credit_notes.create(given)
    v1.refunds.create({"payment_intent": str(org.record.transaction_id), "amount": 50})
    adjust = v1.customers.balance_transactions.create
    adjust(org.customer_id, {"amount": -70, "currency": "usd"})
    adjust(org.customer_id, {"amount": 270, "currency": "usd"})
    stripe.lose()


@pytest.mark.slow
def test_a_whole_run_finds_notes_refunds_and_movements(scenario: Scenario) -> None:
    org = paying(scenario)
    at_the_dashboard(org)
    up_to_date(scenario)  # the log of events says nothing of it
    report = reconcile_everything()
    assert ("credit_note", True) in differing(report)
    assert ("refund", True) in differing(report)
    assert not report.remaining
    assert (count(org, StripeCreditNote), count(org, StripeRefund)) == (1, 2)
    assert org.record.refunded == 150
    assert reconcile_everything().differences == []


@pytest.mark.slow
def test_a_credit_and_the_invoice_that_used_it_up_are_found_though_they_come_to_nothing(scenario: Scenario) -> None:
    org = paying(scenario)
    scenario.stripe.client().v1.customers.balance_transactions.create(
        org.customer_id, {"amount": -400, "currency": "usd"}
    )
    scenario.stripe.lose()
    scenario.stripe.webhooks(drop=100)
    scenario.renew()
    up_to_date(scenario)
    report = reconcile_everything()
    assert not report.remaining
    if count(org, StripeBalanceMovement) < 2:  # the invoice was unknown when its customer was compared
        reconcile_everything()
    assert count(org, StripeBalanceMovement) == 2
    assert reconcile_everything().differences == []


@pytest.mark.parametrize("run", [reconcile, reconcile_everything], ids=["nightly", "whole"])
@pytest.mark.slow
def test_events_about_an_account_that_were_lost_are_made_up_for(scenario: Scenario, run: Run) -> None:
    org = paying(scenario)
    at_the_dashboard(org)
    assert not run().remaining
    assert (count(org, StripeCreditNote), count(org, StripeRefund)) == (1, 2)
    assert count(org, StripeBalanceMovement) == 3
