"""`/v1/charges`: retrieve, list, update; payment intents create them."""

from __future__ import annotations

from stripe.params import ChargeListParams, ChargeRetrieveParams, ChargeUpdateParams

from sandbox.standin.engine.metadata import merged
from sandbox.standin.objects import lists
from sandbox.standin.objects.expand import includable
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

lists.add_list("charge", "/v1/charges", ChargeListParams, "customer", "payment_intent")
lists.add_retrieve("charge", "/v1/charges", ChargeRetrieveParams)


@route("POST", "/v1/charges/{ident}", ChargeUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "description", "metadata")
    charge = world.get("charge", ident)
    with world.edit(charge, "charge.updated"):
        charge["description"] = params.get("description", charge["description"])
        charge["metadata"] = merged(charge["metadata"], params.get("metadata"))
    return charge


@includable("charge", "refunds")
def _refunds(world: World, charge: Obj) -> Obj:
    return lists.list_object(world.all("refund", charge=charge["id"]), f"/v1/charges/{charge['id']}/refunds")
