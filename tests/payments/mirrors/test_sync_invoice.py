"""An invoice settles one billing record, in one direction, with Stripe's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts import models as accounts
from app.audit.models import AuditEntry
from app.mail.models import Mail
from app.payments import billing_records
from app.payments.errors import NotOurs
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_invoice import sync_invoice
from app.payments.models import StripeInvoice
from app.stripe_gateway import invoices
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.stripe_gateway.types import Card, Intent
from app.web.database import transaction
from tests.factories import unique
from tests.scenario import Org, Scenario
from tests.today import NOON

CARD = Card("pm_1", "visa", "0341", 12, 2034, NOON)


@pytest.fixture
def org(scenario: Scenario) -> Org:
    return scenario.org().paying()


def invoice(scenario: Scenario, org: Org, **more: object) -> RemoteInvoice:
    """A renewal's invoice, open, with one try behind it."""
    record = org.record
    found = invoices.retrieve(get_gateway(), record.invoice_id or "")
    scenario.session.rollback()
    facts: dict[str, object] = {
        "id": unique("in"), "billing_reason": "subscription_cycle", "status": "open", "amount_paid": 0,
        "amount_remaining": 1000, "attempt_count": 1, "paid_at": None, "payment_intent_id": unique("pi"),
    }  # fmt: skip
    return replace(found, **{**facts, **more})  # type: ignore[arg-type]


def intent(**more: object) -> Intent:
    made = Intent("pi_1", "requires_payment_method", 1000, "USD", "cus_1", CARD, "insufficient_funds",
                  "Your card has insufficient funds.")  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def paid(found: RemoteInvoice) -> RemoteInvoice:
    return replace(found, status="paid", amount_paid=1000, amount_remaining=0, paid_at=NOON + timedelta(hours=1))


def test_the_first_invoice_settles_the_record_of_its_checkout(scenario: Scenario, org: Org) -> None:
    record = org.record
    mirror = scenario.session.get_one(StripeInvoice, record.invoice_id)
    assert (mirror.status, mirror.amount_paid, mirror.amount_remaining) == ("paid", 1000, 0)
    assert mirror.number
    assert mirror.hosted_url
    assert len(org.records) == 1


def test_a_draft_makes_no_record(scenario: Scenario, org: Org) -> None:
    found = invoice(scenario, org, status="draft", attempt_count=0)
    assert sync_invoice(scenario.session, org.id, found, NOON) is None
    assert scenario.session.get_one(StripeInvoice, found.id).status == "draft"


def test_an_open_invoice_is_pending_then_failed_with_stripes_words_then_completed(scenario: Scenario, org: Org) -> None:
    found = invoice(scenario, org)
    record = sync_invoice(scenario.session, org.id, replace(found, attempt_count=0), NOON)
    assert record is not None
    assert (record.state, record.reason, record.amount) == ("pending", "subscription_renewal", 1000)
    sync_invoice(scenario.session, org.id, found, NOON, intent=intent())
    assert (record.state, record.failure_code) == ("failed", "insufficient_funds")
    assert (record.failure, record.card_last4) == ("Your card has insufficient funds.", "0341")
    sync_invoice(scenario.session, org.id, paid(found), NOON, intent=intent(status="succeeded"))
    assert (record.state, record.failure, record.transaction_id) == ("completed", None, found.payment_intent_id)
    assert record.settled_at == NOON + timedelta(hours=1)


def test_a_payment_to_be_confirmed_says_so(scenario: Scenario, org: Org) -> None:
    waits = intent(status="requires_action", failure=None, failure_code=None)
    record = sync_invoice(scenario.session, org.id, invoice(scenario, org), NOON, intent=waits)
    assert record is not None
    assert (record.state, record.failure_code) == ("failed", "authentication_required")
    assert "3-D Secure" in (record.failure or "")


@pytest.mark.parametrize("status", ["void", "uncollectible"])
def test_an_invoice_given_up_fails_its_record(scenario: Scenario, org: Org, status: str) -> None:
    record = sync_invoice(scenario.session, org.id, invoice(scenario, org, status=status), NOON)
    assert record is not None
    assert (record.state, record.failure_code) == ("failed", status)


@pytest.mark.parametrize("end", ["paid", "void", "uncollectible"])
def test_a_closed_invoice_does_not_open_again(scenario: Scenario, org: Org, end: str) -> None:
    found = invoice(scenario, org)
    closed = paid(found) if end == "paid" else replace(found, status=end)
    sync_invoice(scenario.session, org.id, closed, NOON)
    record = sync_invoice(scenario.session, org.id, found, NOON, intent=intent())
    assert record is not None
    assert record.state == ("completed" if end == "paid" else "failed")
    assert scenario.session.get_one(StripeInvoice, found.id).status == end


def test_a_total_of_nothing_completes_without_a_transaction(scenario: Scenario, org: Org) -> None:
    free = paid(invoice(scenario, org, total=0, amount_due=0, payment_intent_id=None))
    record = sync_invoice(scenario.session, org.id, replace(free, amount_paid=0), NOON)
    assert record is not None
    assert (record.state, record.amount, record.transaction_id) == ("completed", 0, None)


def test_a_payment_is_receipted_once(scenario: Scenario, org: Org) -> None:
    record = org.record
    found = invoices.retrieve(get_gateway(), record.invoice_id or "")
    for _ in range(3):
        sync_invoice(scenario.session, org.id, found, NOON)
    receipts = select(func.count()).where(Mail.key.contains(str(record.id)))
    assert scenario.session.scalar(receipts) == 1


def test_an_invoice_without_a_subscription_is_one_off(scenario: Scenario, org: Org) -> None:
    found = paid(invoice(scenario, org, billing_reason="manual", subscription_id=None, number="ABC-7"))
    record = sync_invoice(scenario.session, org.id, found, NOON)
    assert record is not None
    assert (record.reason, record.description) == ("one_off", "Invoice ABC-7")


def test_another_orgs_invoice_is_refused(scenario: Scenario, org: Org) -> None:
    found = invoice(scenario, org)
    sync_invoice(scenario.session, org.id, found, NOON)
    with pytest.raises(NotOurs):
        sync_invoice(scenario.session, scenario.org().id, found, NOON)


def test_a_refund_at_stripe_is_booked_and_taken_back_when_it_fails(scenario: Scenario, org: Org) -> None:
    paid_by = org.record.transaction_id
    scenario.stripe.client().v1.refunds.create({"payment_intent": str(paid_by), "amount": 400})
    scenario.settle()
    assert (org.record.state, org.record.refunded) == ("completed", 400)
    scenario.stripe.client().v1.refunds.create({"payment_intent": str(paid_by)})
    scenario.settle()
    assert (org.record.state, org.record.refunded) == ("refunded", 1000)
    told = select(AuditEntry.after).where(AuditEntry.org_id == org.id, AuditEntry.action == "payment.refunded")
    assert [each["refunded"] for each in scenario.session.scalars(told.order_by(AuditEntry.seq))] == [400, 1000]
    assert billing_records.find_by_transaction(scenario.session, scenario.org().id, str(paid_by)) is None


def test_money_on_its_way_has_not_failed(scenario: Scenario, org: Org) -> None:
    """A bank debit is tried at once and arrives, or not, days later."""
    debit = invoice(scenario, org)
    tried = Intent("pi_debit", "processing", 1000, "USD", None, None, None, None)
    with transaction() as session:
        record = sync_invoice(session, org.id, debit, NOON, intent=tried)
        assert record is not None
        assert (record.state, record.failure) == ("pending", None)
    with transaction() as session:
        bounced = replace(tried, status="requires_payment_method", failure="Not enough money.")
        record = sync_invoice(session, org.id, debit, NOON, intent=bounced)
        assert record is not None
        assert (record.state, record.failure) == ("failed", "Not enough money.")


def test_the_first_payment_fixes_the_orgs_currency(scenario: Scenario, org: Org) -> None:
    ours = scenario.session.get_one(accounts.Org, org.id)
    assert ours.currency == org.record.currency
    later = replace(paid(invoice(scenario, org)), currency="EUR")
    with transaction() as session:
        sync_invoice(session, org.id, later, NOON)
    scenario.session.expire_all()
    assert scenario.session.get_one(accounts.Org, org.id).currency == "USD"
