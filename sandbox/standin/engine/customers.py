"""Finds and creates customers, for the API and for checkout."""

from __future__ import annotations

from typing import Any

from sandbox.standin.errors import not_found
from sandbox.standin.store import ids
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def get_active_customer(world: World, identifier: str, param: str | None = None) -> Obj:
    """Get a customer; raises `resource_missing` for a deleted one too, as every call on it does."""
    customer = world.get("customer", identifier, param)
    if customer.get("deleted"):
        raise not_found("customer", identifier, param, 400) if param else not_found("customer", identifier)
    return customer


def create(world: World, **known: str) -> Obj:
    """Create a customer with these fields."""
    customer = world.add({**blank_customer(world), **known})
    world.emit("customer.created", customer)
    return customer


def blank_customer(world: World) -> Obj:
    """An empty customer that is not in the world yet."""
    invoices: dict[str, Any] = dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options"))
    return {
        "id": world.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.token(8).upper(),
        "invoice_settings": invoices,
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
