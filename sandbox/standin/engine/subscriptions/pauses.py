"""Paused collection: what becomes of the invoices meanwhile, and its end at a planned time.

Source: https://docs.stripe.com/billing/subscriptions/pause-payment. The status does not change, invoices of before the
pause are still collected, and drafts that were kept stay drafts afterwards, until somebody sets `auto_advance`.
"""

from __future__ import annotations

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.invoices import life_cycle
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

CLOSED_AS = {"mark_uncollectible": "uncollectible", "void": "void"}


def close_draft(world: World, invoice: Obj, behavior: str) -> None:
    """Void or write off a new draft at once, or keep it as one."""
    if behavior in CLOSED_AS:
        life_cycle.finalize_closed(world, invoice, CLOSED_AS[behavior])


def plan_end(world: World, subscription: Obj) -> None:
    """Schedule the end of the pause that has just been set, if it has one."""
    at = (subscription["pause_collection"] or {}).get("resumes_at")
    if at is not None:
        world.schedule(at, "resume_collection", subscription=subscription["id"], moment=at)


@scheduled("resume_collection")
def resume(world: World, subscription: str, moment: int) -> None:
    """End the pause, unless its end has been moved."""
    row = world.find(subscription)
    if row is None or row["status"] in subscription_status.OVER:
        return
    if (row["pause_collection"] or {}).get("resumes_at") == moment:
        with world.edit(row, subscription_status.UPDATED):
            row["pause_collection"] = None
