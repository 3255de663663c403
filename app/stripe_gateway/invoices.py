"""Invoices: retrieving, listing, finalising, paying and previewing them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.money_shapes import parse_invoice, parse_preview
from app.stripe_gateway.types import Invoice, InvoicePreview

_PAYMENTS = "payments"


def retrieve(gw: Gateway, invoice_id: str) -> Invoice:
    """Retrieve an invoice with its payment. Raises `StripeMissing`, also for a deleted draft."""
    validate_id(invoice_id)
    return parse_invoice(gw.get(lambda v1: v1.invoices.retrieve(invoice_id, {"expand": [_PAYMENTS]})))


def list_all(gw: Gateway, created_from: datetime) -> Iterator[Invoice]:
    """List every invoice created since, newest first; fetched page by page."""
    params = {"expand": [f"data.{_PAYMENTS}"], "created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, page: v1.invoices.list(page), params):
        yield parse_invoice(raw)


def list_for_subscription(gw: Gateway, subscription_id: str, status: str) -> list[Invoice]:
    """List a subscription's invoices in a status (`draft`, `open`), newest first."""
    params = {"subscription": validate_id(subscription_id), "status": status, "expand": [f"data.{_PAYMENTS}"]}
    return [parse_invoice(raw) for raw in gw.pages(lambda v1, page: v1.invoices.list(page), params)]


def finalize(gw: Gateway, invoice_id: str, *, key: str) -> Invoice:
    """Finalise a draft without charging it; returns one that is final already as it is."""
    validate_id(invoice_id)
    try:
        return parse_invoice(
            gw.post(
                key,
                lambda v1, options: v1.invoices.finalize_invoice(
                    invoice_id, {"auto_advance": False, "expand": [_PAYMENTS]}, options
                ),
            )
        )
    except StripeMisused:
        current = retrieve(gw, invoice_id)
        if current.status == "draft":
            raise
        return current


def pay(gw: Gateway, invoice_id: str, *, key: str) -> Invoice:
    """Charge an open invoice to the customer's card now; returns a paid one as it is.

    Raises `StripeRefused` when the card is declined or the cardholder must confirm (on the invoice's `hosted_url`).
    """
    validate_id(invoice_id)
    try:
        return parse_invoice(
            gw.post(key, lambda v1, options: v1.invoices.pay(invoice_id, {"expand": [_PAYMENTS]}, options))
        )
    except StripeMisused:
        current = retrieve(gw, invoice_id)
        if current.status != "paid":
            raise
        return current


def preview_next(gw: Gateway, subscription_id: str) -> InvoicePreview:
    """Preview the next invoice; raises `StripeMissing` if there is none because the subscription is ending."""
    validate_id(subscription_id)
    return parse_preview(gw.get(lambda v1: v1.invoices.create_preview({"subscription": subscription_id})))
