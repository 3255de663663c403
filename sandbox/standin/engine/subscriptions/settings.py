"""Settings of a subscription: description, card, discounts, trial, cancellation."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import metadata
from sandbox.standin.engine.invoices import discounts, taxes, totals
from sandbox.standin.engine.payments import saved_cards
from sandbox.standin.engine.subscriptions.start import first_invoice
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

SIMPLE = (
    "description",
    "days_until_due",
    "collection_method",
    "pause_collection",
    "payment_settings",
    "trial_settings",
)


def apply_cancellation(world: World, subscription: Obj, params: Obj) -> None:
    """Apply `cancel_at_period_end`, `cancel_at` and the reasons given with them."""
    end = subscription["items"]["data"][0]["current_period_end"]
    set_cancellation_reasons(subscription, params.get("cancellation_details") or {})
    if "cancel_at_period_end" not in params and "cancel_at" not in params:
        return
    if "cancel_at_period_end" in params and "cancel_at" in params:
        raise invalid("You can only specify one of `cancel_at` and `cancel_at_period_end`.", param="cancel_at")
    if params.get("cancel_at_period_end") is False and not subscription["cancel_at_period_end"]:
        return  # an end planned by `cancel_at` is cleared by `cancel_at` alone
    requested = params.get("cancel_at")
    named = {"min_period_end": end, "max_period_end": end}
    at = named.get(requested, requested or None) if "cancel_at" in params else None  # type: ignore[arg-type]  # a word or a number
    if params.get("cancel_at_period_end"):
        at = end
    if at != subscription["cancel_at"]:
        subscription["canceled_at"] = world.now() if at else None
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None
    subscription["cancel_at"], subscription["cancel_at_period_end"] = at, bool(params.get("cancel_at_period_end"))
    if at and not subscription["cancel_at_period_end"]:
        world.schedule(at, "cancel_subscription", subscription=subscription["id"], moment=at)


def amount_today(world: World, subscription: Obj) -> int:
    """The total of the first invoice, in minor units."""
    invoice = first_invoice(world, subscription)
    totals.recompute(world, invoice)
    return int(invoice["total"])


def get_card(world: World, params: Obj, customer: str) -> str:
    card = saved_cards.get_customer_card(world, params["default_payment_method"], customer, "default_payment_method")
    return str(card["id"])


def apply_params(subscription: Obj, params: Obj) -> None:
    for name in SIMPLE:
        value = params.get(name)
        if name in params:
            subscription[name] = _merged(subscription[name], value)
    if (pause := subscription["pause_collection"]) is not None:
        pause.setdefault("resumes_at", None)


def _merged(old: Any, new: Any) -> Any:
    """The new value; groups are merged part by part. An empty string clears."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return None if new == "" else new


def apply_tax_rates(world: World, fields: Obj, params: Obj) -> None:
    """Set `default_tax_rates`, which the subscription shows as objects."""
    if "default_tax_rates" in params:
        idents = params["default_tax_rates"] or []
        fields["default_tax_rates"] = taxes.get_rates(world, idents, "default_tax_rates")


def held_fields(world: World, subscription: Obj, params: Obj) -> Obj:
    """The settings that change only when a pending update is paid."""
    held: Obj = {}
    if "metadata" in params:
        held["metadata"] = metadata.merged(subscription["metadata"], params["metadata"])
    if "discounts" in params:
        held["discounts"] = create_discounts(world, subscription, params["discounts"] or [])
    if "cancel_at_period_end" in params:
        held["cancel_at_period_end"] = params["cancel_at_period_end"]
        held["cancel_at"] = None
    return held


def create_discounts(world: World, subscription: Obj, rows: list[Any]) -> list[str]:
    return discounts.redeem(
        world, rows, subscription["customer"], subscription["currency"], subscription=subscription["id"]
    )


def set_cancellation_reasons(subscription: Obj, given: Obj) -> None:
    for name in ("comment", "feedback"):
        if name in given:
            subscription["cancellation_details"][name] = given[name] or None
