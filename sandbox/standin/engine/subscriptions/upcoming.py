"""Invoice previews, and the event `invoice.upcoming` a week before a renewal."""

from __future__ import annotations

import copy

from sandbox.standin.engine.invoices import drafts, totals
from sandbox.standin.engine.shapes import subscription_shape
from sandbox.standin.engine.subscriptions import phases, renewals
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoices"


@scheduled("announce_renewal")
def announce_renewal(world: World, subscription: str, end: int) -> None:
    """Emit `invoice.upcoming` a week before a renewal, not while collection is paused; it cannot be retrieved."""
    row = world.find(subscription)
    if row is None or row["status"] not in renewals.BILLED or row["pause_collection"] or not is_renewed(row):
        return
    if row["items"]["data"][0]["current_period_end"] == end:
        world.emit("invoice.upcoming", as_preview(world, next_renewal(world, copy.deepcopy(row))))


def is_renewed(subscription: Obj) -> bool:
    """Whether another period follows the current one: a planned end may be further away."""
    end = subscription["items"]["data"][0]["current_period_end"]
    return subscription["cancel_at"] is None or bool(subscription["cancel_at"] > end)


def next_renewal(world: World, subscription: Obj) -> Obj:
    """Build the invoice of the next renewal. It moves the period of `subscription`, so pass a copy."""
    phases.foresee(world, subscription, subscription["items"]["data"][0]["current_period_end"])
    old = renewals.move_period(subscription)
    invoice = renewals.renewal_invoice(world, subscription, old)
    invoice.update(created=old[1], next_payment_attempt=old[1] + drafts.HOUR)
    return invoice


def as_preview(world: World, invoice: Obj) -> Obj:
    """Give the invoice an id that cannot be retrieved, and compute its totals."""
    ident = world.new_id("upcoming_in")
    invoice.update(id=ident, billing_reason="upcoming", auto_advance=False)
    invoice["lines"] = subscription_shape.embedded_list(f"{URL}/{ident}/lines", invoice["lines"]["data"])
    for line in invoice["lines"]["data"]:
        line["invoice"] = ident
    totals.recompute(world, invoice)
    return invoice
