"""Transactions on a customer's balance, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def balance_transaction(ident: str, now: int, customer: Obj, *, amount: int, currency: str, **more: Any) -> Obj:
    """A transaction that has just been added to the customer's balance. `more` overrides any field."""
    return {
        "id": ident,
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": now,
        "credit_note": None,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "description": None,
        "ending_balance": customer["balance"],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "type": "adjustment",
        **more,
    }
