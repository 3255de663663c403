"""`/v1/promotion_codes`: codes that customers enter for a coupon."""

from __future__ import annotations

from stripe.params import (
    PromotionCodeCreateParams,
    PromotionCodeListParams,
    PromotionCodeRetrieveParams,
    PromotionCodeUpdateParams,
)

from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store import ids
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

lists.add_retrieve("promotion_code", "/v1/promotion_codes", PromotionCodeRetrieveParams)


@route("POST", "/v1/promotion_codes", PromotionCodeCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(
        params, "promotion", "active", "code", "customer", "expires_at", "max_redemptions", "metadata", "restrictions"
    )
    promotion = params["promotion"]
    if "coupon" not in promotion:
        raise missing_param("promotion[coupon]")
    coupon = world.get("coupon", promotion["coupon"], "promotion[coupon]")
    code = params.get("code") or ids.token(8).upper()
    if any(other["code"].lower() == code.lower() for other in world.all("promotion_code", active=True)):
        raise invalid("An active promotion code with that code already exists.", param="code")
    limits = params.get("restrictions") or {}
    promotion_code = world.add(
        {
            "id": world.new_id("promo"),
            "object": "promotion_code",
            "active": params.get("active", True),
            "code": code,
            "created": world.now(),
            "customer": params.get("customer"),
            "customer_account": None,
            "expires_at": params.get("expires_at"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": merged({}, params.get("metadata")),
            "promotion": {"coupon": coupon["id"], "type": "coupon"},
            "restrictions": {
                "first_time_transaction": limits.get("first_time_transaction", False),
                "minimum_amount": limits.get("minimum_amount"),
                "minimum_amount_currency": limits.get("minimum_amount_currency"),
            },
            "times_redeemed": 0,
        }
    )
    world.emit("promotion_code.created", promotion_code)
    return promotion_code


@route("GET", "/v1/promotion_codes", PromotionCodeListParams)
def index(world: World, params: Obj) -> Obj:
    match = {name: params[name] for name in ("active", "customer") if name in params}
    codes = [
        row
        for row in world.all("promotion_code", **match)
        if str(params.get("code", row["code"])).lower() == row["code"].lower()
        and params.get("coupon", row["promotion"]["coupon"]) == row["promotion"]["coupon"]
    ]
    return lists.list_page(codes, params, "/v1/promotion_codes")


@route("POST", "/v1/promotion_codes/{ident}", PromotionCodeUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "active", "metadata")
    promotion_code = world.get("promotion_code", ident)
    with world.edit(promotion_code, "promotion_code.updated"):
        promotion_code["active"] = params.get("active", promotion_code["active"])
        promotion_code["metadata"] = merged(promotion_code["metadata"], params.get("metadata"))
    return promotion_code
