"""`/v1/refunds`."""

from __future__ import annotations

from stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams, RefundUpdateParams

from sandbox.standin.engine.metadata import merged
from sandbox.standin.engine.payments import refunds
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

lists.add_list("refund", "/v1/refunds", RefundListParams, "charge", "payment_intent")
lists.add_retrieve("refund", "/v1/refunds", RefundRetrieveParams)


@route("POST", "/v1/refunds", RefundCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, "charge", "payment_intent", "amount", "reason", "metadata")
    return refunds.refund(world, _get_charge(world, params), params)


@route("POST", "/v1/refunds/{ident}", RefundUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "metadata")
    refund = world.get("refund", ident)
    with world.edit(refund, "refund.updated"):
        refund["metadata"] = merged(refund["metadata"], params.get("metadata"))
    return refund


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
