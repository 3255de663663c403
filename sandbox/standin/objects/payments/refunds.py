"""`/v1/refunds`. Refunds succeed at once; with one test card they fail a minute later."""

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
    charge = _get_charge(world, params)
    refundable = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", refundable)
    if refundable <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    if not 0 < amount <= refundable:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({refundable})"
        raise invalid(message, param="amount")
    refund = world.add(_build_refund(world, charge, amount, params))
    _add_refunded(world, charge, amount)
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    card = world.find(charge["payment_method"])
    if card is not None and cards.get_test_card(card).refund_fails:
        world.schedule(world.now() + FAILS_AFTER_S, "refund_fails", refund=refund["id"])
    return refund


@route("POST", "/v1/refunds/{ident}", RefundUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "metadata")
    refund = world.get("refund", ident)
    with world.edit(refund, "refund.updated"):
        refund["metadata"] = merged(refund["metadata"], params.get("metadata"))
    return refund


@scheduled("refund_fails")
def fail(world: World, refund: str) -> None:
    """Fail the refund: the bank returns the money."""
    row = world.get("refund", refund)
    if row["status"] == "failed":
        return
    with world.edit(row, "refund.updated"):
        row.update(status="failed", failure_reason="lost_or_stolen_card")
    _add_refunded(world, world.get("charge", row["charge"]), -row["amount"])
    world.emit("refund.failed", row)


def _get_charge(world: World, params: Obj) -> Obj:
    """Get the charge to refund: the one named, or the latest of the payment intent."""
    if "charge" in params:
        charge = world.get("charge", params["charge"], "charge")
    elif "payment_intent" in params:
        intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            message = "This PaymentIntent does not have a successful charge to refund."
            raise invalid(message, code="payment_intent_unexpected_state", param="payment_intent")
        charge = world.get("charge", intent["latest_charge"])
    else:
        raise missing_param("payment_intent")
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} has not been paid, so it cannot be refunded.")
    return charge


def _add_refunded(world: World, charge: Obj, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.save(charge)


def _build_refund(world: World, charge: Obj, amount: int, params: Obj) -> Obj:
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
