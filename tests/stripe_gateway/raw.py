"""Answers of Stripe, shortened to what we read, in the shapes of 2026-10-28.endive."""

from __future__ import annotations

from typing import Any

ORG = "0193a1f0-0000-7000-8000-000000000001"
CHECKOUT = "0193a1f0-0000-7000-8000-000000000002"
MARKS = {"tollkeeper_org": ORG, "tollkeeper_checkout": CHECKOUT}
CARD = {
    "id": "pm_1",
    "object": "payment_method",
    "type": "card",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
    "created": 1_760_000_000,
}


def customer(**more: Any) -> dict[str, Any]:
    return {
        "id": "cus_1",
        "object": "customer",
        "email": "a@example.com",
        "name": "A",
        "metadata": {"tollkeeper_org": ORG},
        "delinquent": False,
        "balance": 0,
        "currency": None,
        "invoice_settings": {"default_payment_method": CARD},
        "created": 1_760_000_000,
        **more,
    }


def price(unit: str | None = "4900", interval: str = "month", every: int = 1, **more: Any) -> dict[str, Any]:
    recurring = {"interval": interval, "interval_count": every, "usage_type": "licensed", **more}
    return {"id": "price_1", "currency": "usd", "unit_amount_decimal": unit, "recurring": recurring}


def subscription(**more: Any) -> dict[str, Any]:
    item = {
        "id": "si_1",
        "price": price(),
        "current_period_start": 1_760_000_000,
        "current_period_end": 1_762_678_400,
    }
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "items": {"object": "list", "data": [item], "has_more": False},
        "billing_cycle_anchor": 1_760_000_000,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "pause_collection": None,
        "pending_update": None,
        "schedule": None,
        "canceled_at": None,
        "ended_at": None,
        "latest_invoice": {"id": "in_1", "object": "invoice"},
        "default_payment_method": CARD,
        "trial_start": None,
        "trial_end": None,
        "discounts": [],
        "metadata": MARKS,
        "created": 1_760_000_000,
        **more,
    }


def line(start: int, end: int, *, proration: bool = False) -> dict[str, Any]:
    details = {"subscription_item": "si_1", "proration": proration}
    return {
        "object": "line_item",
        "description": "1 × Pro",
        "amount": 4900,
        "currency": "usd",
        "discount_amounts": [],
        "metadata": {},
        "period": {"start": start, "end": end},
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
    }


def payment(intent: str, status: str, *, default: bool) -> dict[str, Any]:
    paid = status == "paid"
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "amount_paid": 4900 if paid else None,
        "currency": "usd",
        "status": status,
        "status_transitions": {"canceled_at": None, "paid_at": 1_760_000_001 if paid else None},
        "is_default": default,
        "payment": {"type": "payment_intent", "payment_intent": intent},
    }


def invoice(**more: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": "sub_1", "metadata": MARKS},
        },
        "number": "A-0001",
        "metadata": {},
        "status": "paid",
        "billing_reason": "subscription_create",
        "currency": "usd",
        "total_discount_amounts": [],
        "starting_balance": 0,
        "ending_balance": 0,
        "total": 4900,
        "total_taxes": [{"amount": 700}, {"amount": 80}],
        "amount_due": 4900,
        "amount_paid": 4900,
        "amount_remaining": 0,
        "period_start": 1_760_000_000,
        "period_end": 1_760_000_000,
        "lines": {"object": "list", "data": [line(1_760_000_000, 1_762_678_400)], "has_more": False},
        "payments": {"object": "list", "data": [payment("pi_1", "paid", default=True)], "has_more": False},
        "attempt_count": 1,
        "due_date": None,
        "next_payment_attempt": None,
        "hosted_invoice_url": "https://invoice.stripe.com/i/1",
        "invoice_pdf": None,
        "created": 1_760_000_000,
        "status_transitions": {
            "finalized_at": 1_760_000_000,
            "paid_at": 1_760_000_001,
            "voided_at": None,
            "marked_uncollectible_at": None,
        },
        **more,
    }


def without(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """The same without a field."""
    return {each: value for each, value in raw.items() if each != name}
