"""Previews of invoices, and the event `invoice.upcoming` a week before a renewal."""

from __future__ import annotations

import copy

from sandbox.standin.engine import invoice_totals, invoicing, renewals
from sandbox.standin.engine.shapes import subscription_shape
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoices"


@scheduled("announce_renewal")
def announce_renewal(world: World, subscription: str, end: int) -> None:
    """A week before a renewal: `invoice.upcoming` with its preview, which can be looked up nowhere."""
    found = world.find(subscription)
    if found is None or found["status"] not in renewals.BILLED or found["cancel_at"] is not None:
        return
    if found["items"]["data"][0]["current_period_end"] == end:
        world.emit("invoice.upcoming", as_preview(world, next_renewal(world, copy.deepcopy(found))))


def next_renewal(world: World, subscription: Obj) -> Obj:
    """The invoice of the next renewal; it moves the period of `subscription`, so hand over a copy."""
    old = renewals.move_period(subscription)
    invoice = renewals.renewal_invoice(world, subscription, old)
    invoice.update(created=old[1], next_payment_attempt=old[1] + invoicing.HOUR)
    return invoice


def as_preview(world: World, invoice: Obj) -> Obj:
    """The invoice under an id that can be looked up nowhere, with its sums."""
    ident = world.new_id("upcoming_in")
    invoice.update(id=ident, billing_reason="upcoming", auto_advance=False)
    invoice["lines"] = subscription_shape.listed(f"{URL}/{ident}/lines", invoice["lines"]["data"])
    for line in invoice["lines"]["data"]:
        line["invoice"] = ident
    invoice_totals.recompute(world, invoice)
    return invoice
