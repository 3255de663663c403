"""`/v1/subscriptions`: create, retrieve, update, cancel, resume, list."""

from __future__ import annotations

from dataclasses import replace

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionPauseParams,
    SubscriptionResumeParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from sandbox.standin.engine import metadata, subscription_status
from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import collection
from sandbox.standin.engine.subscriptions import (
    cancellations,
    changes,
    pauses,
    pending_updates,
    schedules,
    settings,
    trials,
)
from sandbox.standin.engine.subscriptions.start import build_subscription, start_subscription
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/subscriptions"
ALTERED = (
    *settings.SIMPLE, "metadata", "default_payment_method", "discounts", "items", "cancel_at", "cancel_at_period_end",
    "payment_behavior", "proration_behavior", "off_session", "trial_end", "default_tax_rates",
)  # fmt: skip
CREATED = ("customer", "currency", "trial_period_days")
CHANGED = ("billing_cycle_anchor", "cancellation_details", "proration_date")

lists.add_retrieve("subscription", URL, SubscriptionRetrieveParams)


@route("POST", URL, SubscriptionCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Create a subscription and attempt its first invoice; unpaid, it is `incomplete` and expires after 23 hours."""
    allow_only(params, *CREATED, *ALTERED)
    customer = _get_customer(world, params)
    rows = [_parse_row(world, row, f"items[{index}]") for index, row in enumerate(params.get("items", []))]
    more: Obj = {"metadata": metadata.merged({}, params.get("metadata")), "description": params.get("description")}
    if params.get("default_payment_method"):
        more["default_payment_method"] = settings.get_card(world, params, customer["id"])
    trial = trials.parse_end(world, params)
    settings.apply_tax_rates(world, more, params)
    subscription = build_subscription(world, customer, rows, trial_end=trial, **more)
    settings.apply_params(subscription, params)
    subscription["discounts"] = settings.create_discounts(world, subscription, params.get("discounts") or [])
    if trial is None and settings.amount_today(world, subscription) > 0:
        subscription["status"] = "incomplete"
    settings.apply_cancellation(world, subscription, params)
    invoice = start_subscription(world, subscription)
    behavior = params.get("payment_behavior", "allow_incomplete")
    if invoice["status"] == "open" and behavior != "default_incomplete":
        verdict = collection.pay(world, invoice, off_session=params.get("off_session", False))
        if verdict.refusal is not None and behavior == "error_if_incomplete":
            raise declined(verdict.refusal, keep=False)
    return subscription


@route("GET", URL, SubscriptionListParams)
def listing(world: World, params: Obj) -> Obj:
    """Newest first; ended ones only with `status=all`, `ended` or their own status."""
    wanted = params.get("status")
    match = {"customer": params["customer"]} if "customer" in params else {}
    rows = [row for row in world.all("subscription", **match) if _has_status(row, wanted)]
    if "price" in params:
        rows = [row for row in rows if any(item["price"]["id"] == params["price"] for item in row["items"]["data"])]
    for name in ("current_period_end", "current_period_start"):
        rows = [row for row in rows if lists.is_within(row["items"]["data"][0][name], params.get(name))]
    return lists.list_page(rows, params, URL)


@route("POST", URL + "/{ident}", SubscriptionUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Change settings first, in one event; then items, period and trial, with proration."""
    allow_only(params, *CHANGED, *ALTERED)
    subscription = _get_running(world, ident)
    _require_possible(world, subscription, params)
    reset = (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    bills, held = bool(params.get("items") or reset or "trial_end" in params), {}
    if bills and pending_updates.is_asked(params):
        held = settings.held_fields(world, subscription, params)
    else:
        _change_settings(world, subscription, params)
    if not bills or (params.get("trial_end") == "now" and trials.end_now(world, subscription)):
        return subscription
    rows, moment = params.get("items") or [], params.get("proration_date")
    change = changes.plan_change(world, subscription, rows, moment=moment, reset=reset)
    change = replace(change, fields=held, discounts=held.get("discounts", change.discounts))
    if "trial_end" in params:
        change = trials.changed(world, subscription, change, params["trial_end"])
    changes.change_items(world, subscription, change, params)
    if subscription["status"] == "trialing" and "trial_end" in params:
        trials.announce(world, subscription)
    return subscription


def _require_possible(world: World, subscription: Obj, params: Obj) -> None:
    schedules.require_free(subscription, params)
    pending_updates.require_supported(params)
    pending_updates.require_payable(world, subscription, params)
    if params.get("default_payment_method"):
        settings.get_card(world, params, subscription["customer"])
    if "trial_end" in params:
        trials.require_possible(world, subscription, params["trial_end"])
    elif "billing_cycle_anchor" in params and subscription["status"] == "trialing":
        message = "The stand-in begins no new period in a trial. Set `trial_end` to `now`."
        raise invalid(message, param="billing_cycle_anchor")


def _change_settings(world: World, subscription: Obj, params: Obj) -> None:
    with world.edit(subscription, subscription_status.UPDATED):
        if "default_payment_method" in params:
            subscription["default_payment_method"] = params["default_payment_method"] or None
        subscription["metadata"] = metadata.merged(subscription["metadata"], params.get("metadata"))
        settings.apply_params(subscription, params)
        settings.apply_tax_rates(world, subscription, params)
        if "discounts" in params:
            subscription["discounts"] = settings.create_discounts(world, subscription, params["discounts"] or [])
        settings.apply_cancellation(world, subscription, params)
    if "pause_collection" in params:
        pauses.plan_end(world, subscription)


@route("DELETE", URL + "/{ident}", SubscriptionCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    """Cancel at once; cancelling does not refund anything, but may credit and bill what is left."""
    subscription = _get_running(world, ident)
    settings.set_cancellation_reasons(subscription, params.get("cancellation_details") or {})
    how = {name: params.get(name, False) for name in ("prorate", "invoice_now")}
    cancellations.cancel_now(world, subscription, **how)
    return subscription


@route("POST", URL + "/{ident}/pause", SubscriptionPauseParams)
def pause(world: World, params: Obj, ident: str) -> Obj:
    """Pause a running subscription at once; the rest of its period is credited unless `bill_for` says else."""
    allow_only(params, "type", "invoicing_behavior", "bill_for")
    subscription = _get_running(world, ident)
    schedules.require_free(subscription, {"items": []})
    if subscription["status"] not in {"active", "trialing", "past_due"}:
        raise invalid(f"A subscription that is {subscription['status']} cannot be paused.")
    credit_from = ((params.get("bill_for") or {}).get("unused_time_from") or {}).get("type", "now")
    invoice_now = params.get("invoicing_behavior") == "invoice"
    cancellations.pause_now(world, subscription, credit_from=credit_from, invoice_now=invoice_now)
    return subscription


@route("POST", URL + "/{ident}/resume", SubscriptionResumeParams)
def resume(world: World, params: Obj, ident: str) -> Obj:
    """Resume a paused subscription in a new period from now; it stays paused until the invoice for that is paid."""
    allow_only(params)
    subscription = _get_running(world, ident)
    if subscription["status"] != "paused":
        raise invalid("Only paused subscriptions can be resumed.")
    change = replace(changes.plan_change(world, subscription, [], reset=True), fields={"status": "active"})
    details = {"status_details": subscription.pop("status_details")} if "status_details" in subscription else {}
    how = {"proration_behavior": "always_invoice", "off_session": True}
    changes.change_items(world, subscription, change, how)
    latest = world.find(subscription["latest_invoice"] or "")
    if latest is not None and latest["status"] == "open":
        with world.edit(subscription, subscription_status.UPDATED):
            subscription.update(status="paused", **details)
        return subscription
    world.emit("customer.subscription.resumed", subscription)
    return subscription


def _get_customer(world: World, params: Obj) -> Obj:
    if not params.get("customer"):
        raise missing_param("customer")
    return get_active_customer(world, params["customer"], "customer")


def _parse_row(world: World, row: Obj, path: str) -> tuple[Obj, int]:
    if "price" not in row:
        raise missing_param(f"{path}[price]")
    return world.get("price", row["price"], f"{path}[price]"), row.get("quantity", 1)


def _get_running(world: World, ident: str) -> Obj:
    subscription = world.get("subscription", ident)
    if subscription["status"] in subscription_status.OVER:
        raise not_found("subscription", ident)
    return subscription


def _has_status(subscription: Obj, wanted: str | None) -> bool:
    ended = subscription["status"] in subscription_status.OVER
    if wanted in {None, "all"}:
        return wanted == "all" or not ended
    return ended if wanted == "ended" else bool(subscription["status"] == wanted)
