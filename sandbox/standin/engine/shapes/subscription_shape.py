"""Subscriptions and their items, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def embedded_list(url: str, data: list[Obj]) -> Obj:
    """A list object inside another object."""
    return {"object": "list", "data": data, "has_more": False, "total_count": len(data), "url": url}


def subscription(ident: str, now: int, *, customer: str, currency: str, **more: Any) -> Obj:
    """A subscription without items that starts now. `more` overrides any field."""
    return {
        "id": ident,
        "object": "subscription",
        "application": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": now},
        "created": now,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "items": embedded_list(f"/v1/subscription_items?subscription={ident}", []),
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "on_behalf_of": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "active",
        "test_clock": None,
        **_cycle(now),
        **_charges(),
        **_collection(),
        **_end(),
        **more,
    }


def _cycle(now: int) -> Obj:
    """When it is billed, and from when; no trial."""
    return {
        "billing_cycle_anchor": now,
        "billing_cycle_anchor_config": None,
        "billing_schedules": [],
        "billing_thresholds": None,
        "next_pending_invoice_item_invoice": None,
        "pending_invoice_item_interval": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def _charges() -> Obj:
    """What changes the price of its items."""
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "default_tax_rates": [],
        "discounts": [],
        "transfer_data": None,
    }


def _collection() -> Obj:
    """How its invoices are created and paid."""
    return {
        "collection_method": "charge_automatically",
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "latest_invoice": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_setup_intent": None,
    }


def _end() -> Obj:
    """No end is planned."""
    return {
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "ended_at": None,
    }


def item(ident: str, now: int, subscription_id: str, price: Obj, quantity: int, *, period: tuple[int, int]) -> Obj:
    """One price of a subscription; since basil, the period is stored here."""
    return {
        "id": ident,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def plan(price: Obj) -> Obj:
    """The legacy form of a recurring price, which subscription items still carry."""
    recurring = price["recurring"] or {}
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring.get("usage_type", "licensed"),
    }
