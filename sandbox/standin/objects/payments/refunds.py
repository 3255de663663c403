"""`/v1/refunds`. Succeed at once; with one test card they fail a minute later."""

from __future__ import annotations

from stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams, RefundUpdateParams

from sandbox.standin.engine import cards
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

FAILS_AFTER_S = 60

lists.add_list("refund", "/v1/refunds", RefundListParams, "charge", "payment_intent")
lists.add_retrieve("refund", "/v1/refunds", RefundRetrieveParams)


@route("POST", "/v1/refunds", RefundCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, "charge", "payment_intent", "amount", "reason", "metadata")
    charge = _charge(world, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if left <= 0:
        words = f"Charge {charge['id']} has already been refunded."
        raise invalid(words, code="charge_already_refunded")
    if not 0 < amount <= left:
        words = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise invalid(words, param="amount")
    made = world.add(_refund(world, charge, amount, params))
    _count(world, charge, amount)
    world.emit("refund.created", made)
    world.emit("charge.refunded", charge)
    card = world.find(charge["payment_method"])
    if card is not None and cards.get_test_card(card).refund_fails:
        world.schedule(world.now() + FAILS_AFTER_S, "refund_fails", refund=made["id"])
    return made


@route("POST", "/v1/refunds/{ident}", RefundUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "metadata")
    found = world.get("refund", ident)
    with world.edit(found, "refund.updated"):
        found["metadata"] = merged(found["metadata"], params.get("metadata"))
    return found


@scheduled("refund_fails")
def fail(world: World, refund: str) -> None:
    """The bank sends the money back to us."""
    found = world.get("refund", refund)
    if found["status"] == "failed":
        return
    with world.edit(found, "refund.updated"):
        found.update(status="failed", failure_reason="lost_or_stolen_card")
    _count(world, world.get("charge", found["charge"]), -found["amount"])
    world.emit("refund.failed", found)


def _charge(world: World, params: Obj) -> Obj:
    """The charge to refund: named, or the latest of the payment intent."""
    if "charge" in params:
        found = world.get("charge", params["charge"], "charge")
    elif "payment_intent" in params:
        intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            words = "This PaymentIntent does not have a successful charge to refund."
            raise invalid(words, code="payment_intent_unexpected_state", param="payment_intent")
        found = world.get("charge", intent["latest_charge"])
    else:
        raise missing_param("payment_intent")
    if not found["paid"]:
        raise invalid(f"Charge {found['id']} has not been paid, so it cannot be refunded.")
    return found


def _count(world: World, charge: Obj, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.save(charge)


def _refund(world: World, charge: Obj, amount: int, params: Obj) -> Obj:
    return {
        "id": world.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merged({}, params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
