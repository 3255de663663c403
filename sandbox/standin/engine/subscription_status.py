"""Updates a subscription's status, and its customer's `delinquent`, after a payment, a failure or the end."""

from __future__ import annotations

from sandbox.standin.engine import retry_settings
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OVER = frozenset({"canceled", "incomplete_expired"})
ANNOUNCED_S = 7 * 86_400
UPDATED = "customer.subscription.updated"


def subscription_id(billed: Obj) -> str | None:
    """The id of the subscription that an invoice or invoice item belongs to, if any."""
    details = (billed["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription")


def find_subscription(world: World, invoice: Obj) -> Obj | None:
    """Find the subscription that an invoice bills."""
    ident = subscription_id(invoice)
    return world.find(ident) if ident else None


def after_payment(world: World, invoice: Obj) -> None:
    """After a payment: arrears end if it is the latest invoice, and a change that awaited it is applied."""
    _set_delinquent(world, invoice, delinquent=False)
    subscription = find_subscription(world, invoice)
    if subscription is None or subscription["status"] in OVER:
        return
    apply_pending(world, subscription, invoice)
    if subscription["latest_invoice"] == invoice["id"] and subscription["status"] in {
        "past_due",
        "unpaid",
        "incomplete",
        "paused",
    }:
        with world.edit(subscription, UPDATED):
            subscription["status"] = "trialing" if _is_on_trial(world, subscription) else "active"
            subscription.pop("status_details", None)


def pause(world: World, subscription: Obj, reason: str) -> None:
    """Pause the subscription: no further invoices until it is resumed. `reason` is Stripe's word."""
    with world.edit(subscription, UPDATED):
        details = {"subscription": {"type": reason}, "transitioned_at": world.now(), "type": "subscription"}
        subscription.update(status="paused", status_details={"paused": details})
    world.emit("customer.subscription.paused", subscription)


def while_processing(world: World, invoice: Obj) -> None:
    """While a bank has not answered, a subscription that awaits its first payment runs."""
    subscription = find_subscription(world, invoice)
    if subscription is not None and subscription["status"] == "incomplete":
        with world.edit(subscription, UPDATED):
            subscription["status"] = "active"


def after_failure(world: World, invoice: Obj, *, last: bool) -> None:
    """After a failed attempt: the subscription is past due; after the last attempt the account's setting decides."""
    _set_delinquent(world, invoice, delinquent=True)
    subscription = find_subscription(world, invoice)
    if (
        subscription is None
        or subscription["status"] in OVER
        or subscription.get("_pending", {}).get("invoice") == invoice["id"]
    ):
        return
    after_retries = retry_settings.read(world).after_retries
    if last and after_retries == "cancel":
        end(world, subscription, "payment_failed")
        return
    status = "unpaid" if last and after_retries == "unpaid" else "past_due"
    if subscription["status"] in {"active", "trialing"} or (
        status == "unpaid" and subscription["status"] == "past_due"
    ):
        with world.edit(subscription, UPDATED):
            subscription["status"] = status


def after_closing_unpaid(world: World, invoice: Obj) -> None:
    """The latest invoice is void or uncollectible: arrears end; voiding the first one expires the subscription."""
    subscription = find_subscription(world, invoice)
    if subscription is None:
        return
    if subscription.get("_pending", {}).get("invoice") == invoice["id"]:
        with world.edit(subscription, UPDATED):
            subscription.pop("_pending")
            subscription["pending_update"] = None
    if subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] == "past_due":
        with world.edit(subscription, UPDATED):
            subscription["status"] = "active"
    elif subscription["status"] == "incomplete" and invoice["status"] == "void":
        with world.edit(subscription, UPDATED):
            subscription.update(status="incomplete_expired", ended_at=world.now())


def end(world: World, subscription: Obj, reason: str) -> None:
    """End the subscription for good; automatic collection stops."""
    now = world.now()
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    subscription["cancellation_details"]["reason"] = subscription["cancellation_details"]["reason"] or reason
    subscription["pending_update"] = None
    for name in ("_pending", "status_details"):
        subscription.pop(name, None)
    world.save(subscription)
    for invoice in world.all("invoice", customer=subscription["customer"]):
        if subscription_id(invoice) == subscription["id"]:
            stop_collecting(world, invoice)
    _end_schedule(world, subscription, reason)
    world.emit("customer.subscription.deleted", subscription)


def _end_schedule(world: World, subscription: Obj, reason: str) -> None:
    """A schedule ends with its subscription: aborted where payments failed, else cancelled."""
    schedule = world.find(subscription["schedule"] or "")
    if schedule is None:
        return
    schedule.update(status="canceled", canceled_at=world.now(), current_phase=None)
    subscription["schedule"] = None
    kind = "aborted" if reason == "payment_failed" else "canceled"
    world.emit(f"subscription_schedule.{kind}", world.save(schedule))


def stop_collecting(world: World, invoice: Obj) -> None:
    """Leave an unpaid invoice as it is, without further automatic collection."""
    if invoice["status"] in {"draft", "open"}:
        with world.edit(invoice, "invoice.updated"):
            invoice.update(auto_advance=False, next_payment_attempt=None, automatically_finalizes_at=None)


def apply_pending(world: World, subscription: Obj, invoice: Obj) -> None:
    """Apply the change that awaited this invoice."""
    pending = subscription.get("_pending")
    if not pending or pending["invoice"] != invoice["id"]:
        return
    shown = subscription["pending_update"] is not None
    with world.edit(subscription, UPDATED):
        moved = put_into_effect(subscription, pending)
        if subscription["status"] != "trialing":
            subscription["discounts"] = lasting_discounts(world, subscription["discounts"])
    if shown:
        world.emit("customer.subscription.pending_update_applied", subscription)
    if moved:
        schedule_renewal(world, subscription)


def put_into_effect(subscription: Obj, pending: Obj) -> bool:
    """Make a change of items what holds; returns whether the period ends at another time."""
    subscription.pop("_pending", None)
    old = subscription["items"]["data"][0]["current_period_end"]
    subscription["items"].update(data=pending["items"], total_count=len(pending["items"]))
    subscription.update(billing_cycle_anchor=pending["anchor"], pending_update=None, **pending["fields"])
    end = pending["items"][0]["current_period_end"]
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end
    return bool(old != end)


def lasting_discounts(world: World, idents: list[str]) -> list[str]:
    """What is left of a subscription's discounts after an invoice that charges: "once" is used up by the first.

    Source: https://docs.stripe.com/billing/subscriptions/coupons#coupon-duration. That of a trial uses nothing up.
    """
    coupons = {ident: world.find(world.get("discount", ident)["source"]["coupon"] or "") for ident in idents}
    return [ident for ident, coupon in coupons.items() if coupon is not None and coupon["duration"] != "once"]


def schedule_renewal(world: World, subscription: Obj) -> None:
    """Schedule the renewal for the end of the current period."""
    end_at = subscription["items"]["data"][0]["current_period_end"]
    world.schedule(end_at, "renew", subscription=subscription["id"], end=end_at)
    if end_at - ANNOUNCED_S > world.now():
        world.schedule(end_at - ANNOUNCED_S, "announce_renewal", subscription=subscription["id"], end=end_at)


def _is_on_trial(world: World, subscription: Obj) -> bool:
    return subscription["trial_end"] is not None and subscription["trial_end"] > world.now()


def _set_delinquent(world: World, invoice: Obj, *, delinquent: bool) -> None:
    customer = world.get("customer", invoice["customer"])
    if not customer.get("deleted") and bool(customer.get("delinquent")) != delinquent:
        with world.edit(customer, "customer.updated"):
            customer["delinquent"] = delinquent
