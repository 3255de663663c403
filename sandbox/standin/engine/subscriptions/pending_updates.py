"""Subscription changes that await their payment (`pending_if_incomplete`) and lapse without it.

They lapse after 23 hours, or at the end of the period or trial if that is sooner; the next change replaces them, and so
does a schedule's next phase. Their invoice is voided then; voiding it drops the change, too.
Source: https://docs.stripe.com/billing/subscriptions/pending-updates-reference.
"""

from __future__ import annotations

from sandbox.standin.engine import bank_debits, subscription_status
from sandbox.standin.engine.invoices import life_cycle
from sandbox.standin.engine.payments import saved_cards
from sandbox.standin.engine.subscriptions.prorations import ItemChange
from sandbox.standin.errors import invalid
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PENDING_FOR = 23 * 3600
# What may go with it: of settings, those that the object `pending_update` can hold.
HELD = ("metadata", "discounts", "cancel_at_period_end")
SUPPORTED = frozenset(
    {*HELD, "items", "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor", "trial_end",
     "off_session"}
)  # fmt: skip


def is_asked(params: Obj) -> bool:
    """Whether a call asks for a pending update."""
    return bool(params.get("payment_behavior") == "pending_if_incomplete")


def require_supported(params: Obj) -> None:
    """Raise 400 for a parameter of a subscription that a pending update cannot hold."""
    for name in params if is_asked(params) else ():
        if name not in SUPPORTED:
            message = f"When `payment_behavior` is set to `pending_if_incomplete`, `{name}` cannot be passed."
            raise invalid(f"{message} See https://docs.stripe.com/billing/pending-updates-reference.", param=name)


def require_payable(world: World, subscription: Obj, params: Obj) -> None:
    """Raise 400 where a payment cannot be awaited: invoices that are sent, and methods that pay days later."""
    if not is_asked(params):
        return
    method = saved_cards.find_default(world, subscription)
    if subscription["collection_method"] != "charge_automatically":
        reason = "needs a subscription that is charged automatically"
    elif method is not None and bank_debits.is_delayed(method):
        reason = f"cannot be used with {method['type']}"
    else:
        return
    raise invalid(f"`payment_behavior=pending_if_incomplete` {reason}.", param="payment_behavior")


def described(change: ItemChange, invoice: str | None) -> Obj:
    """The change as it is kept until its invoice is paid."""
    return {
        "invoice": invoice,
        "items": change.after,
        "anchor": change.anchor,
        "fresh": change.fresh,
        "fields": change.fields,
    }


def hold_change(world: World, subscription: Obj) -> None:
    """After a failed payment, show the change as pending, and let it lapse in time."""
    pending, fields = subscription["_pending"], subscription["_pending"]["fields"]
    end = subscription["items"]["data"][0]["current_period_end"]
    at = min(world.now() + PENDING_FOR, end)
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["pending_update"] = {
            "billing_cycle_anchor": pending["anchor"] if pending["fresh"] else None,
            "cancel_at_period_end": fields.get("cancel_at_period_end"),
            "discount": None,
            "discounts": fields.get("discounts"),
            "expires_at": at,
            "metadata": fields.get("metadata"),
            "subscription_items": pending["items"],
            "trial_end": fields.get("trial_end"),
            "trial_from_plan": None,
        }
    world.schedule(at, "expire_pending_update", subscription=subscription["id"], invoice=pending["invoice"])


@scheduled("expire_pending_update")
def expire_pending_update(world: World, subscription: str, invoice: str) -> None:
    """Drop an unpaid change and void its invoice."""
    row = world.find(subscription)
    if row is not None and row.get("_pending", {}).get("invoice") == invoice:
        lapse(world, row)


def lapse(world: World, subscription: Obj) -> None:
    """Drop the change that is pending, if one is, and void its invoice."""
    if "_pending" not in subscription:
        return
    invoice = _drop(world, subscription)
    world.emit("customer.subscription.pending_update_expired", subscription)
    _void(world, invoice)


def replace_pending(world: World, subscription: Obj) -> None:
    """Drop the change that is pending, if one is, for another that takes its place."""
    if "_pending" in subscription:
        _void(world, _drop(world, subscription))


def _drop(world: World, subscription: Obj) -> Obj:
    with world.edit(subscription, subscription_status.UPDATED):
        invoice: str = subscription.pop("_pending")["invoice"]
        subscription["pending_update"] = None
    return world.get("invoice", invoice)


def _void(world: World, invoice: Obj) -> None:
    if invoice["status"] == "open":
        life_cycle.close_unpaid(world, invoice, "void")
