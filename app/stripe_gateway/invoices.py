"""Invoices: what is due, what was paid, what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.money_shapes import parse_invoice, parse_preview
from app.stripe_gateway.types import Invoice, InvoicePreview

_PAYMENTS = "payments"


def retrieve(gw: Gateway, invoice_id: str) -> Invoice:
    """An invoice with its payment. Raises `StripeMissing`, also for a draft that was deleted."""
    validate_id(invoice_id)
    return parse_invoice(gw.get(lambda v1: v1.invoices.retrieve(invoice_id, {"expand": [_PAYMENTS]})))


def list_all(gw: Gateway, created_from: datetime) -> Iterator[Invoice]:
    """Every invoice made since, newest first; asked for page by page."""
    params = {"expand": [f"data.{_PAYMENTS}"], "created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, asked: v1.invoices.list(asked), params):
        yield parse_invoice(raw)


def pay(gw: Gateway, invoice_id: str, *, key: str) -> Invoice:
    """Charge an open invoice to the customer's card now; one that is paid already comes as it is.

    Raises `StripeRefused` when the card is declined or its holder must confirm (then see the invoice's `hosted_url`).
    """
    validate_id(invoice_id)
    try:
        return parse_invoice(
            gw.post(key, lambda v1, options: v1.invoices.pay(invoice_id, {"expand": [_PAYMENTS]}, options))
        )
    except StripeMisused:
        now = retrieve(gw, invoice_id)
        if now.status != "paid":
            raise
        return now


def preview_next(gw: Gateway, subscription_id: str) -> InvoicePreview:
    """What the next invoice will come to; `StripeMissing` when none will come, for it ends with its period."""
    validate_id(subscription_id)
    return parse_preview(gw.get(lambda v1: v1.invoices.create_preview({"subscription": subscription_id})))
