"""Invoices, their lines and invoice items, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine.shapes.subscription_shape import embedded_list

Obj = dict[str, Any]


def invoice(ident: str, now: int, *, customer: Obj, currency: str, billing_reason: str, **more: Any) -> Obj:
    """A draft without lines. `more` overrides any field."""
    return {
        "id": ident,
        "object": "invoice",
        "billing_reason": billing_reason,
        "created": now,
        "currency": currency,
        "from_invoice": None,
        "latest_revision": None,
        "lines": embedded_list(f"/v1/invoices/{ident}/lines", []),
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period_end": now,
        "period_start": now,
        "test_clock": None,
        **_issued_by(),
        **_billed_to(customer),
        **_totals(),
        **_collection(),
        **_progress(),
        **_presentation(customer),
        **more,
    }


def _issued_by() -> Obj:
    return {
        "account_country": "US",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "application": None,
        "issuer": {"type": "self"},
        "on_behalf_of": None,
    }


def _billed_to(customer: Obj) -> Obj:
    return {
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer.get("address"),
        "customer_email": customer["email"],
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer.get("tax_exempt") or "none",
        "customer_tax_ids": [],
    }


def _totals() -> Obj:
    """Amounts, discounts and taxes, all zero."""
    return {
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "default_tax_rates": [],
        "discounts": [],
        "ending_balance": None,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "shipping_cost": None,
        "starting_balance": 0,
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def _collection() -> Obj:
    """How the invoice is paid, and the attempts so far."""
    return {
        "attempt_count": 0,
        "attempted": False,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "default_source": None,
        "due_date": None,
        "next_payment_attempt": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    }


def _progress() -> Obj:
    """The status: a draft that advances automatically."""
    return {
        "auto_advance": True,
        "automatically_finalizes_at": None,
        "effective_at": None,
        "last_finalization_error": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "webhooks_delivered_at": None,
    }


def _presentation(customer: Obj) -> Obj:
    """What a reader of the invoice sees besides its lines, and where. Fields and footer are the customer's."""
    texts = customer.get("invoice_settings") or {}
    return {
        "custom_fields": texts.get("custom_fields"),
        "description": None,
        "footer": texts.get("footer"),
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "number": None,
        "receipt_number": None,
        "rendering": None,
        "shipping_details": None,
        "statement_descriptor": None,
    }


def line(ident: str, invoice_id: str, amount: int, currency: str, period: tuple[int, int], **more: Any) -> Obj:
    """A line of an invoice; `more` sets parent, pricing, quantity, description."""
    return {
        "id": ident,
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
        **more,
    }


def invoice_item(ident: str, now: int, *, customer: str, amount: int, currency: str, **more: Any) -> Obj:
    """An amount that awaits an invoice, or is on one."""
    return {
        "id": ident,
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "date": now,
        "description": None,
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "net_amount": amount,
        "parent": None,
        "period": {"end": now, "start": now},
        "pricing": None,
        "proration": False,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": None,
        **more,
    }
