"""Drafts: built, published, and finalised by the clock an hour after their creation unless that is stopped.

Source: https://docs.stripe.com/invoicing/integration/automatic-advancement-collection.
"""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine.invoices import totals
from sandbox.standin.engine.shapes import invoice_shape
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

HOUR = 3600


def draft(
    world: World, customer: Obj, *, currency: str, reason: str, subscription: Obj | None = None, **more: Any
) -> Obj:
    """Build a draft without lines; `publish` adds it to the world. `subscription` becomes its parent."""
    fields = {"starting_balance": customer["balance"], **more}
    if subscription is not None:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        fields["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    ident = world.new_id("in")
    return invoice_shape.invoice(
        ident, world.now(), customer=customer, currency=currency, billing_reason=reason, **fields
    )


def build_subscription_draft(world: World, subscription: Obj, reason: str, **more: Any) -> Obj:
    """Build the draft of a subscription's own invoice, with its discounts and tax rates unless `more` says else."""
    customer = world.get("customer", subscription["customer"])
    names = ("discounts", "default_tax_rates")
    fields = {**{name: list(subscription[name]) for name in names}, **more}
    currency = subscription["currency"]
    return draft(world, customer, currency=currency, reason=reason, subscription=subscription, **fields)


def publish(world: World, invoice: Obj, *, by_clock: bool = False) -> Obj:
    """Add the draft with its totals to the world; `by_clock` finalises it in an hour."""
    totals.recompute(world, invoice)
    if by_clock:
        start_clock(world, invoice)
    world.add(invoice)
    world.emit("invoice.created", invoice)
    return invoice


def start_clock(world: World, invoice: Obj, at: int | None = None) -> None:
    """Have the clock finalise a draft, by default an hour after its creation; at once if that has passed."""
    at = max(at or invoice["created"] + HOUR, world.now())
    invoice.update(auto_advance=True, automatically_finalizes_at=at)
    world.schedule(at, "finalize_invoice", invoice=invoice["id"])


def stop_clock(invoice: Obj) -> None:
    """Leave a draft to whoever stopped it."""
    invoice.update(auto_advance=False, automatically_finalizes_at=None)
