"""Parses raw responses about payments: invoices, payment intents, setup intents, refunds and previews."""

from __future__ import annotations

from app.stripe_gateway import reading
from app.stripe_gateway.invoice_types import InvoicePreview, ReceivedPayment, RemoteInvoice, RemoteLine
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import CHECKOUT, parse_discount, parse_expanded_card
from app.stripe_gateway.types import BalanceMovement, Intent, Refund, SetupIntent

LINE = "tollkeeper_line"
"""The metadata of a line that is one of ours: its id."""
OWN_INVOICE = "tollkeeper_invoice"
"""The metadata of an invoice that we made: the id under which we did."""


def parse_invoice(raw: Raw) -> RemoteInvoice:
    """Parse an invoice with `payments` expanded. Since basil its subscription is under `parent`, its payments apart."""
    customer_id = reading.linked_id(reading.ensure_kind(raw, "invoice"), "customer")
    times = reading.inner(raw, "status_transitions")
    parent = _find_subscription_details(raw)
    period = _find_period(raw)
    return RemoteInvoice(
        id=reading.text(raw, "id"),
        customer_id=customer_id,
        subscription_id=None if parent is None else reading.object_id(parent, "subscription"),
        own_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), OWN_INVOICE),
        number=reading.text_or_none(raw, "number"),
        status=reading.text(raw, "status"),
        billing_reason=reading.text_or_none(raw, "billing_reason"),
        currency=reading.currency(raw),
        total=reading.amount(raw, "total"),
        tax=reading.tax(raw, "total_taxes"),
        included_tax=reading.tax(raw, "total_taxes", "inclusive"),
        amount_due=reading.amount(raw, "amount_due"),
        amount_paid=reading.amount(raw, "amount_paid"),
        amount_remaining=reading.amount(raw, "amount_remaining"),
        period_start=reading.moment(*period[0]),
        period_end=reading.moment(*period[1]),
        attempt_count=reading.whole(raw, "attempt_count"),
        due_at=reading.moment_or_none(raw, "due_date"),
        next_attempt_at=reading.moment_or_none(raw, "next_payment_attempt"),
        hosted_url=reading.text_or_none(raw, "hosted_invoice_url") if "hosted_invoice_url" in raw else None,
        pdf_url=reading.text_or_none(raw, "invoice_pdf") if "invoice_pdf" in raw else None,
        created_at=reading.moment(raw, "created"),
        finalized_at=reading.moment_or_none(times, "finalized_at"),
        paid_at=reading.moment_or_none(times, "paid_at"),
        checkout_id=reading.uuid_or_none(parent and reading.inner_or_none(parent, "metadata"), CHECKOUT),
        payment_intent_id=_find_payment_intent(raw),
        discount=reading.from_stripe(
            sum(reading.whole(each, "amount") for each in reading.objects(raw, "total_discount_amounts")),
            reading.currency(raw),
        ),
        starting_balance=reading.amount(raw, "starting_balance"),
        ending_balance=None if raw.get("ending_balance") is None else reading.amount(raw, "ending_balance"),
        discounts=tuple(parse_discount(each) for each in raw.get("discounts") or () if not isinstance(each, str)),
        lines=_parse_whole_list(raw),
        voided_at=reading.moment_or_none(times, "voided_at"),
        uncollectible_at=reading.moment_or_none(times, "marked_uncollectible_at"),
        payments=_parse_payments(raw),
    )


def parse_line(raw: Raw) -> RemoteLine:
    """Parse a line of an invoice; raises `StripeMisread`."""
    period = reading.inner(raw, "period")
    return RemoteLine(
        description=reading.text_or_none(raw, "description") or "",
        amount=reading.amount(raw, "amount"),
        period_start=reading.moment(period, "start"),
        period_end=reading.moment(period, "end"),
        own_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), LINE),
        discount=reading.from_stripe(
            sum(reading.whole(each, "amount") for each in reading.objects(raw, "discount_amounts")),
            reading.currency(raw),
        ),
        price_id=_find_price(raw),
    )


def _find_price(raw: Raw) -> str | None:
    """The id of the price that a line names; an amount without a product has none."""
    details = (raw.get("pricing") or {}).get("price_details") or {}
    named = details.get("price")
    return reading.text(named, "id") if isinstance(named, dict) else named


def parse_intent(raw: Raw) -> Intent:
    """Parse a payment intent with `payment_method` expanded. After a failure the card is only in the error."""
    failure = reading.inner_or_none(reading.ensure_kind(raw, "payment_intent"), "last_payment_error")
    card = parse_expanded_card(raw, "payment_method")
    if failure is not None and card is None and failure.get("payment_method"):
        card = parse_expanded_card(failure, "payment_method")
    error = failure or {}
    return Intent(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        amount=reading.amount(raw, "amount"),
        currency=reading.currency(raw),
        customer_id=reading.object_id(raw, "customer"),
        card=card,
        failure_code=error.get("decline_code") or error.get("code"),
        failure=error.get("message"),
    )


def parse_setup_intent(raw: Raw) -> SetupIntent:
    """Parse a setup intent with `payment_method` expanded; raises `StripeMisread`."""
    method = reading.inner_or_none(reading.ensure_kind(raw, "setup_intent"), "payment_method")
    saved = method is not None and reading.object_id(method, "customer") is not None
    return SetupIntent(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        customer_id=reading.object_id(raw, "customer"),
        card=parse_expanded_card(raw, "payment_method") if saved else None,
    )


def parse_refund(raw: Raw) -> Refund:
    """Parse a refund; raises `StripeMisread`."""
    reading.ensure_kind(raw, "refund")
    return Refund(
        id=reading.text(raw, "id"),
        status=reading.text(raw, "status"),
        amount=reading.amount(raw, "amount"),
        currency=reading.currency(raw),
        payment_intent_id=reading.object_id(raw, "payment_intent"),
        created_at=reading.moment(raw, "created"),
    )


def parse_balance_movement(raw: Raw) -> BalanceMovement:
    """Parse a transaction on a customer's balance; raises `StripeMisread`."""
    customer_id = reading.linked_id(reading.ensure_kind(raw, "customer_balance_transaction"), "customer")
    return BalanceMovement(
        id=reading.text(raw, "id"),
        customer_id=customer_id,
        type=reading.text(raw, "type"),
        amount=reading.amount(raw, "amount"),
        currency=reading.currency(raw),
        invoice_id=reading.object_id(raw, "invoice"),
        credit_note_id=reading.object_id(raw, "credit_note"),
        description=reading.text_or_none(raw, "description"),
        created_at=reading.moment(raw, "created"),
    )


def parse_preview(raw: Raw) -> InvoicePreview:
    """Parse an invoice preview: its own period ends where the period it charges for begins."""
    reading.ensure_kind(raw, "invoice")
    return InvoicePreview(
        total=reading.amount(raw, "total"), currency=reading.currency(raw), due_at=reading.moment(raw, "period_end")
    )


def _parse_whole_list(raw: Raw) -> tuple[RemoteLine, ...] | None:
    """The lines, if the invoice has all of them with it."""
    lines = reading.inner(raw, "lines")
    if reading.flag(lines, "has_more"):
        return None
    return tuple(parse_line(line) for line in reading.items(lines))


def _find_subscription_details(raw: Raw) -> Raw | None:
    """The subscription details of an invoice; None if it has no subscription."""
    parent = reading.inner_or_none(raw, "parent")
    if parent is None or reading.text(parent, "type") != "subscription_details":
        return None
    return reading.inner(parent, "subscription_details")


def _find_period(raw: Raw) -> tuple[tuple[Raw, str], tuple[Raw, str]]:
    """Where to read the period's start and end. An invoice's own period is the past one; its line has the paid one."""
    for line in reading.items(reading.inner(raw, "lines")):
        parent = reading.inner_or_none(line, "parent")
        if parent is None or reading.text(parent, "type") != "subscription_item_details":
            continue
        if not reading.flag(reading.inner(parent, "subscription_item_details"), "proration"):
            period = reading.inner(line, "period")
            return (period, "start"), (period, "end")
    return (raw, "period_start"), (raw, "period_end")


def _parse_payments(raw: Raw) -> tuple[ReceivedPayment, ...]:
    """What has been paid so far, oldest first."""
    paid = [entry for entry in reading.items(reading.inner(raw, "payments")) if reading.text(entry, "status") == "paid"]
    return tuple(sorted((_parse_payment(entry) for entry in paid), key=lambda payment: (payment.at, payment.id)))


def _parse_payment(entry: Raw) -> ReceivedPayment:
    payment = reading.inner(entry, "payment")
    by_intent = reading.text(payment, "type") == "payment_intent"
    return ReceivedPayment(
        id=reading.text(entry, "id"),
        amount=reading.amount(entry, "amount_paid"),
        at=reading.moment(reading.inner(entry, "status_transitions"), "paid_at"),
        transaction_id=reading.object_id(payment, "payment_intent") if by_intent else None,
    )


def _find_payment_intent(raw: Raw) -> str | None:
    """The payment intent that paid the invoice, else the one that will."""
    payments = reading.items(reading.inner(raw, "payments"))
    candidates = [entry for entry in payments if reading.text(entry, "status") == "paid"]
    candidates += [entry for entry in payments if reading.flag(entry, "is_default")]
    for entry in candidates:
        payment = reading.inner(entry, "payment")
        if reading.text(payment, "type") == "payment_intent":
            return reading.object_id(payment, "payment_intent")
    return None
