"""From raw answers to our types, where money moves: invoices, payment intents, setup intents, refunds, previews."""

from __future__ import annotations

from app.stripe_gateway import reading
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import CHECKOUT, parse_expanded_card
from app.stripe_gateway.types import Intent, Invoice, InvoicePreview, Refund, SetupIntent


def parse_invoice(raw: Raw) -> Invoice:
    """An invoice with `payments` expanded. Since basil its subscription stands under `parent`, its payments apart."""
    customer_id = reading.object_id(reading.ensure_kind(raw, "invoice"), "customer")
    if customer_id is None:
        raise reading.misread("an invoice without a customer")
    times = reading.inner(raw, "status_transitions")
    parent = _parent(raw)
    period = _period(raw)
    return Invoice(
        id=reading.text(raw, "id"),
        customer_id=customer_id,
        subscription_id=None if parent is None else reading.object_id(parent, "subscription"),
        number=reading.text_or_none(raw, "number"),
        status=reading.text(raw, "status"),
        billing_reason=reading.text_or_none(raw, "billing_reason"),
        currency=reading.currency(raw),
        total=reading.whole(raw, "total"),
        tax=sum(reading.whole(each, "amount") for each in reading.objects(raw, "total_taxes")),
        amount_due=reading.whole(raw, "amount_due"),
        amount_paid=reading.whole(raw, "amount_paid"),
        amount_remaining=reading.whole(raw, "amount_remaining"),
        period_start=reading.moment(*period[0]),
        period_end=reading.moment(*period[1]),
        attempt_count=reading.whole(raw, "attempt_count"),
        next_attempt_at=reading.moment_or_none(raw, "next_payment_attempt"),
        hosted_url=reading.text_or_none(raw, "hosted_invoice_url") if "hosted_invoice_url" in raw else None,
        pdf_url=reading.text_or_none(raw, "invoice_pdf") if "invoice_pdf" in raw else None,
        created_at=reading.moment(raw, "created"),
        finalized_at=reading.moment_or_none(times, "finalized_at"),
        paid_at=reading.moment_or_none(times, "paid_at"),
        checkout_id=reading.uuid_or_none(parent and reading.inner_or_none(parent, "metadata"), CHECKOUT),
        payment_intent_id=_payment(raw),
    )


def parse_intent(raw: Raw) -> Intent:
    """A payment intent with `payment_method` expanded. After a failure the card stands in the error only."""
    failure = reading.inner_or_none(reading.ensure_kind(raw, "payment_intent"), "last_payment_error")
    card = parse_expanded_card(raw, "payment_method")
    if failure is not None and card is None and failure.get("payment_method"):
        card = parse_expanded_card(failure, "payment_method")
    said = failure or {}
    return Intent(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        amount=reading.whole(raw, "amount"),
        currency=reading.currency(raw),
        customer_id=reading.object_id(raw, "customer"),
        card=card,
        failure_code=said.get("decline_code") or said.get("code"),
        failure=said.get("message"),
    )


def parse_setup_intent(raw: Raw) -> SetupIntent:
    """A card that was saved, or failed to be; raises `StripeMisread`."""
    reading.ensure_kind(raw, "setup_intent")
    return SetupIntent(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        customer_id=reading.object_id(raw, "customer"),
        payment_method_id=reading.object_id(raw, "payment_method"),
    )


def parse_refund(raw: Raw) -> Refund:
    """Money on its way back; raises `StripeMisread`."""
    reading.ensure_kind(raw, "refund")
    return Refund(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        amount=reading.whole(raw, "amount"),
        currency=reading.currency(raw),
        payment_intent_id=reading.object_id(raw, "payment_intent"),
    )


def parse_preview(raw: Raw) -> InvoicePreview:
    """The invoice that is to come: its period ends where the one to be paid for begins."""
    reading.ensure_kind(raw, "invoice")
    return InvoicePreview(
        total=reading.whole(raw, "total"), currency=reading.currency(raw), due_at=reading.moment(raw, "period_end")
    )


def _parent(raw: Raw) -> Raw | None:
    """What says of which subscription an invoice is; None for one that is of none."""
    parent = reading.inner_or_none(raw, "parent")
    if parent is None or reading.text(parent, "type") != "subscription_details":
        return None
    return reading.inner(parent, "subscription_details")


def _period(raw: Raw) -> tuple[tuple[Raw, str], tuple[Raw, str]]:
    """Where the two ends of the period stand. An invoice's own period is the past one, its line's the one paid for."""
    for line in reading.items(reading.inner(raw, "lines")):
        parent = reading.inner_or_none(line, "parent")
        if parent is None or reading.text(parent, "type") != "subscription_item_details":
            continue
        if not reading.flag(reading.inner(parent, "subscription_item_details"), "proration"):
            period = reading.inner(line, "period")
            return (period, "start"), (period, "end")
    return (raw, "period_start"), (raw, "period_end")


def _payment(raw: Raw) -> str | None:
    """The payment intent which paid, else the one that is to."""
    payments = reading.items(reading.inner(raw, "payments"))
    chosen = [each for each in payments if reading.text(each, "status") == "paid"]
    chosen += [each for each in payments if reading.flag(each, "is_default")]
    for each in chosen:
        payment = reading.inner(each, "payment")
        if reading.text(payment, "type") == "payment_intent":
            return reading.object_id(payment, "payment_intent")
    return None
