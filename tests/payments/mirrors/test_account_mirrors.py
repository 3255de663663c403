"""What changes an account beside invoices is mirrored with its day: credit notes, refunds, the customer's balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.payments.errors import NotOurs
from app.payments.gateway import get_gateway
from app.payments.mirrors.models import StripeBalanceMovement, StripeCreditNote, StripeRefund
from app.payments.mirrors.sync_credit_note import sync_credit_note
from app.payments.mirrors.sync_refund import RefundedPayment, sync_refund
from app.payments.models import StripeInvoice
from app.stripe_gateway import credit_notes
from app.stripe_gateway.types import Refund
from tests.scenario import Org, Scenario
from tests.today import NOON


@pytest.fixture
def org(scenario: Scenario) -> Org:
    return scenario.org().paying()


def credit(org: Org, **more: Any) -> str:
    """Somebody issues a credit note on the first invoice in Stripe's dashboard."""
    v1 = org.scenario.stripe.client().v1
    lines = [{"type": "custom_line_item", "description": "Goodwill", "quantity": 1, "unit_amount": 300}]
    params: Any = {"invoice": str(org.record.invoice_id), "lines": lines, **more}
    return v1.credit_notes.create(params).id


def note(org: Org, note_id: str) -> StripeCreditNote:
    org.scenario.settle()
    return org.session.get_one(StripeCreditNote, note_id, populate_existing=True)


def refunds(org: Org) -> list[StripeRefund]:
    org.scenario.settle()
    query = select(StripeRefund).where(StripeRefund.org_id == org.id).order_by(StripeRefund.created_at)
    return list(org.session.scalars(query))


def movements(org: Org) -> list[tuple[str, int]]:
    org.scenario.settle()
    query = select(StripeBalanceMovement).where(StripeBalanceMovement.org_id == org.id)
    rows = org.session.scalars(query.order_by(StripeBalanceMovement.created_at, StripeBalanceMovement.amount))
    return [(row.type, row.amount) for row in rows]


def audited(org: Org) -> list[str]:
    query = select(AuditEntry.action).where(AuditEntry.org_id == org.id, AuditEntry.action.like("credit_note.%"))
    return list(org.session.scalars(query.order_by(AuditEntry.seq)))


def test_a_note_issued_in_stripes_dashboard_is_mirrored_with_what_it_did(org: Org) -> None:
    mirror = note(org, credit(org, refund_amount=100, credit_amount=200))
    assert (mirror.status, mirror.total, mirror.due, mirror.paid, mirror.outside) == ("issued", 300, 0, 300, 0)
    assert mirror.created_at == NOON
    assert (mirror.invoice_id, mirror.own_id) == (org.record.invoice_id, None)
    [refund] = refunds(org)
    assert mirror.refunds == [{"refund": refund.id, "amount": 100}]
    assert movements(org) == [("credit_note", -200)]
    assert audited(org) == ["credit_note.issued"]


def test_a_note_that_is_voided_stays_void(org: Org) -> None:
    note_id = credit(org, credit_amount=300)
    issued = note(org, note_id)
    remote = replace(credit_notes.retrieve(get_gateway(), note_id))
    assert issued.voided_at is None
    org.scenario.later(days=2)
    org.scenario.stripe.client().v1.credit_notes.void_credit_note(note_id)
    assert note(org, note_id).voided_at == NOON + timedelta(days=2)
    late = sync_credit_note(org.session, org.id, remote, org.now)
    assert late.status == "void"
    assert movements(org) == [("credit_note", -300), ("credit_note", 300)]
    assert audited(org) == ["credit_note.issued", "credit_note.voided"]


def test_a_note_given_back_outside_stripe_is_no_balance(org: Org) -> None:
    mirror = note(org, credit(org, out_of_band_amount=300))
    assert (mirror.paid, mirror.outside) == (300, 300)
    assert movements(org) == []


def test_a_note_of_another_org_is_not_taken_over(org: Org) -> None:
    note_id = credit(org, credit_amount=300)
    note(org, note_id)
    remote = credit_notes.retrieve(get_gateway(), note_id)
    with pytest.raises(NotOurs):
        sync_credit_note(org.session, org.scenario.org().id, remote, NOON)


def test_each_refund_keeps_its_own_day(org: Org) -> None:
    v1, paid_by = org.scenario.stripe.client().v1, str(org.record.transaction_id)
    v1.refunds.create({"payment_intent": paid_by, "amount": 400})
    org.scenario.settle()
    org.scenario.later(days=3)
    v1.refunds.create({"payment_intent": paid_by, "amount": 600})
    rows = refunds(org)
    assert [(row.amount, row.created_at) for row in rows] == [(400, NOON), (600, NOON + timedelta(days=3))]
    assert {row.status for row in rows} == {"succeeded"}
    assert (org.record.refunded, org.record.state) == (1000, "refunded")


def test_a_refund_that_failed_stays_failed_and_says_when(org: Org) -> None:
    paid_by, session = str(org.record.transaction_id), org.scenario.session
    sent = Refund("re_1", "succeeded", 400, "USD", paid_by, NOON)
    failed = replace(sent, status="failed")
    sync_refund(session, org.id, RefundedPayment(paid_by, (sent,)), NOON)
    later = NOON + timedelta(days=1)
    for now, refund in ((later, failed), (later + timedelta(days=1), failed), (later, sent)):
        sync_refund(session, org.id, RefundedPayment(paid_by, (refund,)), now)
    row = session.get_one(StripeRefund, "re_1")
    assert (row.status, row.failed_at) == ("failed", later)


def test_every_movement_of_the_balance_is_kept_even_if_two_cancel_out(org: Org) -> None:
    v1 = org.scenario.stripe.client().v1
    adjust = v1.customers.balance_transactions.create
    adjust(org.customer_id, {"amount": -400, "currency": "usd"})
    org.scenario.later(days=1)
    adjust(org.customer_id, {"amount": 400, "currency": "usd"})
    assert movements(org) == [("adjustment", -400), ("adjustment", 400)]
    org.scenario.later(days=1)
    adjust(org.customer_id, {"amount": -50, "currency": "usd", "description": "Sorry"})
    assert movements(org)[-1] == ("adjustment", -50)


@pytest.mark.parametrize("end", ["void", "uncollectible"])
@pytest.mark.slow
def test_an_invoice_given_up_keeps_the_day(scenario: Scenario, end: str) -> None:
    org = scenario.org().paying()
    org.past_due()
    [owed] = scenario.stripe.objects("invoice", customer=org.customer_id, status="open")
    v1, act = scenario.stripe.client().v1.invoices, {"void": "void_invoice", "uncollectible": "mark_uncollectible"}[end]
    scenario.later(days=1)
    at = org.now
    getattr(v1, act)(owed["id"])
    scenario.settle()
    mirror = org.session.get_one(StripeInvoice, owed["id"], populate_existing=True)
    days = {"void": mirror.voided_at, "uncollectible": mirror.uncollectible_at}
    assert days.pop(end) == at
    assert set(days.values()) == {None}


def test_a_payment_is_kept_with_its_day_and_its_intent(org: Org) -> None:
    mirror = org.session.get_one(StripeInvoice, org.record.invoice_id)
    [payment] = mirror.payments
    assert (payment["amount"], payment["at"]) == (1000, NOON.isoformat())
    assert payment["transaction"] == org.record.transaction_id
