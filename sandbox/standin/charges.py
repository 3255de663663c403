"""`/v1/charges`: read only; a payment intent makes them."""

from __future__ import annotations

from stripe.params import ChargeListParams, ChargeRetrieveParams, ChargeUpdateParams

from sandbox.standin import lists
from sandbox.standin.expand import includable
from sandbox.standin.fields import only
from sandbox.standin.lists import whole
from sandbox.standin.metadata import merged
from sandbox.standin.routes import route
from sandbox.standin.store import Obj
from sandbox.standin.world import World

lists.several("charge", "/v1/charges", ChargeListParams, "customer", "payment_intent")
lists.one("charge", "/v1/charges", ChargeRetrieveParams)


@route("POST", "/v1/charges/{ident}", ChargeUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    only(params, "description", "metadata")
    found = world.get("charge", ident)
    with world.edit(found, "charge.updated"):
        found["description"] = params.get("description", found["description"])
        found["metadata"] = merged(found["metadata"], params.get("metadata"))
    return found


@includable("charge", "refunds")
def _refunds(world: World, charge: Obj) -> Obj:
    return whole(world.all("refund", charge=charge["id"]), f"/v1/charges/{charge['id']}/refunds")
