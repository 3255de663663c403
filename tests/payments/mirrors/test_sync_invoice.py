"""An invoice settles one billing record, in one direction, with Stripe's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.models import Org
from app.audit.models import AuditEntry
from app.mail.models import Mail
from app.payments import billing_records
from app.payments.errors import NotOurs
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_invoice import sync_invoice
from app.payments.models import StripeInvoice
from app.stripe_gateway import invoices
from app.stripe_gateway.types import Card, Intent, Invoice
from app.web.database import transaction
from tests.factories import make_org, unique
from tests.payments.conftest import Buyer, Shop
from tests.today import NOON

CARD = Card("pm_1", "visa", "0341", 12, 2034)


@pytest.fixture
def buyer(shop: Shop) -> Buyer:
    made = shop.buy()
    shop.deliver()
    return made


def invoice(shop: Shop, buyer: Buyer, **more: object) -> Invoice:
    """A renewal's invoice, open, with one try behind it."""
    record = shop.record(buyer)
    found = invoices.retrieve(get_gateway(), record.invoice_id or "")
    shop.session.rollback()
    facts: dict[str, object] = {
        "id": unique("in"), "billing_reason": "subscription_cycle", "status": "open", "amount_paid": 0,
        "amount_remaining": 1000, "attempt_count": 1, "paid_at": None, "payment_intent_id": unique("pi"),
    }  # fmt: skip
    return replace(found, **{**facts, **more})  # type: ignore[arg-type]


def intent(**more: object) -> Intent:
    made = Intent("pi_1", "requires_payment_method", 1000, "USD", "cus_1", CARD, "insufficient_funds",
                  "Your card has insufficient funds.")  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def paid(found: Invoice) -> Invoice:
    return replace(found, status="paid", amount_paid=1000, amount_remaining=0, paid_at=NOON + timedelta(hours=1))


def test_the_first_invoice_settles_the_record_of_its_checkout(shop: Shop, buyer: Buyer) -> None:
    record = shop.record(buyer)
    mirror = shop.session.get_one(StripeInvoice, record.invoice_id)
    assert (mirror.status, mirror.amount_paid, mirror.amount_remaining) == ("paid", 1000, 0)
    assert mirror.number
    assert mirror.hosted_url
    assert len(shop.records(buyer)) == 1


def test_a_draft_makes_no_record(shop: Shop, buyer: Buyer) -> None:
    found = invoice(shop, buyer, status="draft", attempt_count=0)
    assert sync_invoice(shop.session, buyer.org_id, found, NOON) is None
    assert shop.session.get_one(StripeInvoice, found.id).status == "draft"


def test_an_open_invoice_is_pending_then_failed_with_stripes_words_then_completed(shop: Shop, buyer: Buyer) -> None:
    found = invoice(shop, buyer)
    record = sync_invoice(shop.session, buyer.org_id, replace(found, attempt_count=0), NOON)
    assert record is not None
    assert (record.state, record.reason, record.amount) == ("pending", "subscription_renewal", 1000)
    sync_invoice(shop.session, buyer.org_id, found, NOON, intent=intent())
    assert (record.state, record.failure_code) == ("failed", "insufficient_funds")
    assert (record.failure, record.card_last4) == ("Your card has insufficient funds.", "0341")
    sync_invoice(shop.session, buyer.org_id, paid(found), NOON, intent=intent(status="succeeded"))
    assert (record.state, record.failure, record.transaction_id) == ("completed", None, found.payment_intent_id)
    assert record.settled_at == NOON + timedelta(hours=1)


def test_a_payment_to_be_confirmed_says_so(shop: Shop, buyer: Buyer) -> None:
    waits = intent(status="requires_action", failure=None, failure_code=None)
    record = sync_invoice(shop.session, buyer.org_id, invoice(shop, buyer), NOON, intent=waits)
    assert record is not None
    assert (record.state, record.failure_code) == ("failed", "authentication_required")
    assert "3-D Secure" in (record.failure or "")


@pytest.mark.parametrize("status", ["void", "uncollectible"])
def test_an_invoice_given_up_fails_its_record(shop: Shop, buyer: Buyer, status: str) -> None:
    record = sync_invoice(shop.session, buyer.org_id, invoice(shop, buyer, status=status), NOON)
    assert record is not None
    assert (record.state, record.failure_code) == ("failed", status)


@pytest.mark.parametrize("end", ["paid", "void", "uncollectible"])
def test_a_closed_invoice_does_not_open_again(shop: Shop, buyer: Buyer, end: str) -> None:
    found = invoice(shop, buyer)
    closed = paid(found) if end == "paid" else replace(found, status=end)
    sync_invoice(shop.session, buyer.org_id, closed, NOON)
    record = sync_invoice(shop.session, buyer.org_id, found, NOON, intent=intent())
    assert record is not None
    assert record.state == ("completed" if end == "paid" else "failed")
    assert shop.session.get_one(StripeInvoice, found.id).status == end


def test_a_total_of_nothing_completes_without_a_transaction(shop: Shop, buyer: Buyer) -> None:
    free = paid(invoice(shop, buyer, total=0, amount_due=0, payment_intent_id=None))
    record = sync_invoice(shop.session, buyer.org_id, replace(free, amount_paid=0), NOON)
    assert record is not None
    assert (record.state, record.amount, record.transaction_id) == ("completed", 0, None)


def test_a_payment_is_receipted_once(shop: Shop, buyer: Buyer) -> None:
    record = shop.record(buyer)
    found = invoices.retrieve(get_gateway(), record.invoice_id or "")
    for _ in range(3):
        sync_invoice(shop.session, buyer.org_id, found, NOON)
    receipts = select(func.count()).where(Mail.key.contains(str(record.id)))
    assert shop.session.scalar(receipts) == 1


def test_an_invoice_without_a_subscription_is_one_off(shop: Shop, buyer: Buyer) -> None:
    found = paid(invoice(shop, buyer, billing_reason="manual", subscription_id=None, number="ABC-7"))
    record = sync_invoice(shop.session, buyer.org_id, found, NOON)
    assert record is not None
    assert (record.reason, record.description) == ("one_off", "Invoice ABC-7")


def test_another_orgs_invoice_is_refused(shop: Shop, buyer: Buyer) -> None:
    found = invoice(shop, buyer)
    sync_invoice(shop.session, buyer.org_id, found, NOON)
    with pytest.raises(NotOurs):
        sync_invoice(shop.session, make_org(shop.session).id, found, NOON)


def test_a_refund_at_stripe_is_booked_and_taken_back_when_it_fails(shop: Shop, buyer: Buyer) -> None:
    paid_by = shop.record(buyer).transaction_id
    shop.standin.client().v1.refunds.create({"payment_intent": str(paid_by), "amount": 400})
    shop.deliver()
    assert (shop.record(buyer).state, shop.record(buyer).refunded) == ("completed", 400)
    shop.standin.client().v1.refunds.create({"payment_intent": str(paid_by)})
    shop.deliver()
    assert (shop.record(buyer).state, shop.record(buyer).refunded) == ("refunded", 1000)
    told = select(AuditEntry.after).where(AuditEntry.org_id == buyer.org_id, AuditEntry.action == "payment.refunded")
    assert [each["refunded"] for each in shop.session.scalars(told.order_by(AuditEntry.seq))] == [400, 1000]
    assert billing_records.find_by_transaction(shop.session, make_org(shop.session).id, str(paid_by)) is None


def test_money_on_its_way_has_not_failed(shop: Shop, buyer: Buyer) -> None:
    """A bank debit is tried at once and arrives, or not, days later."""
    debit = invoice(shop, buyer)
    tried = Intent("pi_debit", "processing", 1000, "USD", None, None, None, None)
    with transaction() as session:
        record = sync_invoice(session, buyer.org_id, debit, NOON, intent=tried)
        assert record is not None
        assert (record.state, record.failure) == ("pending", None)
    with transaction() as session:
        bounced = replace(tried, status="requires_payment_method", failure="Not enough money.")
        record = sync_invoice(session, buyer.org_id, debit, NOON, intent=bounced)
        assert record is not None
        assert (record.state, record.failure) == ("failed", "Not enough money.")


def test_the_first_payment_fixes_the_orgs_currency(shop: Shop, buyer: Buyer) -> None:
    org = shop.session.get_one(Org, buyer.org_id)
    assert org.currency == shop.record(buyer).currency
    later = replace(paid(invoice(shop, buyer)), currency="EUR")
    with transaction() as session:
        sync_invoice(session, buyer.org_id, later, NOON)
    shop.session.expire_all()
    assert shop.session.get_one(Org, buyer.org_id).currency == "USD"
