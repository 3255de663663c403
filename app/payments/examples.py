"""Examples of the billing API for the API reference; a test decodes each into its struct."""

from __future__ import annotations

from typing import Any

SUBSCRIPTION: dict[str, Any] = {
    "plan": {"key": "pro", "name": "Pro", "version": 1},
    "newest_version": 1,
    "state": "active",
    "collection": "stripe",
    "interval": "month",
    "currency": "USD",
    "fee": 4900,
    "started_at": "2026-11-21T12:00:00Z",
    "period": {"start": "2026-11-21T12:00:00Z", "end": "2026-12-21T12:00:00Z"},
    "cancel_at_period_end": False,
    "ends_at": None,
    "trial_ends_at": None,
    "limited": False,
    "overdue": None,
    "planned_change": None,
    "pending_change": None,
}
CANCELLED = {**SUBSCRIPTION, "cancel_at_period_end": True, "ends_at": "2026-12-21T12:00:00Z"}
CHOOSE = {"plan": "pro", "currency": "USD", "interval": "month"}
CHOSEN = {
    "applied": False,
    "checkout_url": "https://checkout.stripe.com/c/pay/cs_test_a1b2c3",
    "checkout_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
    "takes_effect_at": None,
}
BILLING = {
    "subscription": SUBSCRIPTION,
    "payment_method": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
    "next_invoice": {"at": "2026-12-21T12:00:00Z", "amount": 4900, "currency": "USD", "exact": True},
    "second_subscriptions": [],
    "pays_for_overage": False,
}
CARD: dict[str, Any] = {}
PAGE = {"url": "https://billing.stripe.com/p/session/test_a1b2c3"}
HISTORY = {
    "records": [
        {
            "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e22",
            "state": "completed",
            "reason": "subscription_start",
            "description": "Pro plan, monthly",
            "amount": 4900,
            "refunded": 0,
            "currency": "USD",
            "card_brand": "visa",
            "card_last4": "4242",
            "failure": None,
            "reference": None,
            "invoice_number": "TK-0001",
            "credit_notes": [],
            "refunds": [],
            "created_at": "2026-11-21T11:58:00Z",
            "settled_at": "2026-11-21T12:00:00Z",
        }
    ],
    "events": [
        {"kind": "started", "at": "2026-11-21T12:00:00Z", "plan": {"key": "pro", "name": "Pro", "version": 1}},
    ],
    "next": None,
}
