"""`/v1/coupons`."""

from __future__ import annotations

from stripe.params import (
    CouponCreateParams,
    CouponDeleteParams,
    CouponListParams,
    CouponRetrieveParams,
    CouponUpdateParams,
)

from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OPTIONAL = ("amount_off", "currency", "duration_in_months", "max_redemptions", "name", "redeem_by")

lists.add_list("coupon", "/v1/coupons", CouponListParams)
lists.add_retrieve("coupon", "/v1/coupons", CouponRetrieveParams)


@route("POST", "/v1/coupons", CouponCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, *OPTIONAL, "id", "duration", "metadata", "percent_off")
    identifier = params.get("id") or world.new_id("coupon")
    if world.find(identifier) is not None:
        raise invalid("Coupon already exists.", code="resource_already_exists", param="id")
    if ("amount_off" in params) == ("percent_off" in params):
        raise invalid("You must pass either percent_off or amount_off.", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise missing_param("currency")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        raise missing_param("duration_in_months")
    percent = params.get("percent_off")
    coupon = world.add(
        {
            "id": identifier,
            "object": "coupon",
            "created": world.now(),
            "duration": params.get("duration", "once"),
            "livemode": False,
            "metadata": merged({}, params.get("metadata")),
            "percent_off": float(percent) if percent else None,
            "times_redeemed": 0,
            "valid": True,
            **{name: params.get(name) for name in OPTIONAL},
        }
    )
    world.emit("coupon.created", coupon)
    return coupon


@route("POST", "/v1/coupons/{ident}", CouponUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "name", "metadata")
    coupon = world.get("coupon", ident)
    with world.edit(coupon, "coupon.updated"):
        coupon["name"] = params.get("name", coupon["name"])
        coupon["metadata"] = merged(coupon["metadata"], params.get("metadata"))
    return coupon


@route("DELETE", "/v1/coupons/{ident}", CouponDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    coupon = world.get("coupon", ident)
    world.emit("coupon.deleted", coupon)
    world.remove(coupon)
    return {"id": ident, "object": "coupon", "deleted": True}
