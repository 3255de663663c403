"""Invoices: what is due, what was paid, what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, known
from app.stripe_gateway.money_shapes import invoice, preview
from app.stripe_gateway.types import Invoice, InvoicePreview

_PAYMENTS = "payments"


def retrieve(gw: Gateway, invoice_id: str) -> Invoice:
    """An invoice with its payment. Raises `StripeMissing`, also for a draft that was deleted."""
    known(invoice_id)
    return invoice(gw.get(lambda v1: v1.invoices.retrieve(invoice_id, {"expand": [_PAYMENTS]})))


def list_all(gw: Gateway, created_from: datetime) -> Iterator[Invoice]:
    """Every invoice made since, newest first; asked for page by page."""
    params = {"expand": [f"data.{_PAYMENTS}"], "created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, asked: v1.invoices.list(asked), params):
        yield invoice(raw)


def pay(gw: Gateway, invoice_id: str, *, key: str) -> Invoice:
    """Charge an open invoice to the customer's card now; one that is paid already comes as it is.

    Raises `StripeRefused` when the card is declined or its holder must confirm (then see the invoice's `hosted_url`).
    """
    known(invoice_id)
    try:
        return invoice(gw.post(key, lambda v1, options: v1.invoices.pay(invoice_id, {"expand": [_PAYMENTS]}, options)))
    except StripeMisused:
        now = retrieve(gw, invoice_id)
        if now.status != "paid":
            raise
        return now


def upcoming(gw: Gateway, subscription_id: str) -> InvoicePreview:
    """What the next invoice will come to; `StripeMissing` when none will come, for it ends with its period."""
    known(subscription_id)
    return preview(gw.get(lambda v1: v1.invoices.create_preview({"subscription": subscription_id})))
