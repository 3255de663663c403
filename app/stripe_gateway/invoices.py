"""Invoices: retrieving, listing, holding, creating, finalising, paying and previewing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.invoice_types import InvoicePreview, RemoteInvoice
from app.stripe_gateway.money_shapes import OWN_INVOICE, parse_invoice, parse_line, parse_preview

_PAYMENTS = "payments"


def retrieve(gw: Gateway, invoice_id: str) -> RemoteInvoice:
    """Retrieve an invoice with its payment and all its lines. Raises `StripeMissing`, also for a deleted draft."""
    validate_id(invoice_id)
    invoice = parse_invoice(gw.get(lambda v1: v1.invoices.retrieve(invoice_id, {"expand": [_PAYMENTS]})))
    if invoice.lines is not None:
        return invoice
    raw_lines = gw.pages(lambda v1, page: v1.invoices.line_items.list(invoice_id, page), {})
    return replace(invoice, lines=tuple(parse_line(raw) for raw in raw_lines))


def list_all(gw: Gateway, created_from: datetime) -> Iterator[RemoteInvoice]:
    """List every invoice created since, newest first; fetched page by page."""
    params = {"expand": [f"data.{_PAYMENTS}"], "created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, page: v1.invoices.list(page), params):
        yield parse_invoice(raw)


def list_drafts(gw: Gateway, customer_id: str) -> list[RemoteInvoice]:
    """List a customer's drafts, newest first."""
    params = {"customer": validate_id(customer_id), "status": "draft", "expand": [f"data.{_PAYMENTS}"]}
    return [parse_invoice(raw) for raw in gw.pages(lambda v1, page: v1.invoices.list(page), params)]


def list_for_subscription(gw: Gateway, subscription_id: str, status: str) -> list[RemoteInvoice]:
    """List a subscription's invoices in a status (`draft`, `open`), newest first, with their discounts."""
    params = {"subscription": validate_id(subscription_id), "status": status,
              "expand": [f"data.{_PAYMENTS}", "data.discounts.source.coupon"]}  # fmt: skip
    return [parse_invoice(raw) for raw in gw.pages(lambda v1, page: v1.invoices.list(page), params)]


def hold(gw: Gateway, invoice_id: str, *, key: str) -> RemoteInvoice:
    """Keep a draft from being finalised by Stripe. Raises `StripeMisused` once it is final."""
    return parse_invoice(
        gw.post(
            key,
            lambda v1, options: v1.invoices.update(
                validate_id(invoice_id), {"auto_advance": False, "expand": [_PAYMENTS]}, options
            ),
        )
    )


def create_draft(gw: Gateway, customer_id: str, currency: str, own_id: UUID, *, key: str) -> RemoteInvoice:
    """Create a draft under an id of ours; it waits for its items and takes none that are pending."""
    return parse_invoice(
        gw.post(
            key,
            lambda v1, options: v1.invoices.create(
                {
                    "customer": validate_id(customer_id),
                    "currency": currency.lower(),
                    "auto_advance": False,
                    "collection_method": "charge_automatically",
                    "pending_invoice_items_behavior": "exclude",
                    "metadata": {OWN_INVOICE: str(own_id)},
                    "expand": [_PAYMENTS],
                },
                options,
            ),
        )
    )


def finalize(gw: Gateway, invoice_id: str, *, collect: bool = False, key: str) -> RemoteInvoice:
    """Finalise a draft; returns one that is final already as it is.

    With `collect` Stripe charges it, and retries, as it does with invoices of its own; without, nothing is charged.
    """
    validate_id(invoice_id)
    try:
        return parse_invoice(
            gw.post(
                key,
                lambda v1, options: v1.invoices.finalize_invoice(
                    invoice_id, {"auto_advance": collect, "expand": [_PAYMENTS]}, options
                ),
            )
        )
    except StripeMisused:
        current = retrieve(gw, invoice_id)
        if current.status == "draft":
            raise
        return current


def pay(gw: Gateway, invoice_id: str, *, key: str) -> RemoteInvoice:
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
