"""`/v1/prices`. A price's amount never changes; a lookup key belongs to one price at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from stripe.params import PriceCreateParams, PriceListParams, PriceRetrieveParams, PriceUpdateParams

from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.catalog import products
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

KNOWN = (
    "active", "billing_scheme", "currency", "lookup_key", "metadata", "nickname", "product", "product_data",
    "recurring", "tax_behavior", "transfer_lookup_key", "unit_amount", "unit_amount_decimal",
)  # fmt: skip

lists.add_retrieve("price", "/v1/prices", PriceRetrieveParams)


@route("POST", "/v1/prices", PriceCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, *KNOWN)
    if ("product" in params) == ("product_data" in params):
        raise missing_param("product")
    data = params.get("product_data")
    product = products.create_product(world, data) if data else world.get("product", params["product"], "product")
    price = world.add({**_blank(world, params), "product": product["id"], **_amount(params)})
    _assign_lookup_key(world, price, params)
    world.emit("price.created", price)
    return price


@route("GET", "/v1/prices", PriceListParams)
def index(world: World, params: Obj) -> Obj:
    match = {name: params[name] for name in ("active", "currency", "product", "type") if name in params}
    keys, recurring = params.get("lookup_keys"), params.get("recurring") or {}
    prices = [
        price
        for price in world.all("price", **match)
        if (keys is None or price["lookup_key"] in keys)
        and all((price["recurring"] or {}).get(name) == value for name, value in recurring.items())
    ]
    return lists.list_page(prices, params, "/v1/prices")


@route("POST", "/v1/prices/{ident}", PriceUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "active", "lookup_key", "metadata", "nickname", "tax_behavior", "transfer_lookup_key")
    price = world.get("price", ident)
    with world.edit(price, "price.updated"):
        price.update(given_fields(params, "active", "nickname", "tax_behavior"))
        price["metadata"] = merged(price["metadata"], params.get("metadata"))
        _assign_lookup_key(world, price, params)
    return price


def _blank(world: World, params: Obj) -> Obj:
    """A price without product and amount."""
    return {
        "id": world.new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": world.now(),
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": merged({}, params.get("metadata")),
        "nickname": params.get("nickname") or None,
        "recurring": _recurring(params.get("recurring")),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if params.get("recurring") else "one_time",
    }


def _amount(params: Obj) -> Obj:
    """The price in minor units, and as Stripe's decimal; exactly one of the two is given."""
    if ("unit_amount" in params) == ("unit_amount_decimal" in params):
        raise missing_param("unit_amount")
    exact = Decimal(str(params.get("unit_amount", params.get("unit_amount_decimal"))))
    if exact < 0:
        raise invalid("Invalid non-negative integer", code="parameter_invalid_integer", param="unit_amount")
    amount = int(exact) if exact == exact.to_integral_value() else None
    return {"unit_amount": amount, "unit_amount_decimal": str(amount) if amount is not None else f"{exact:f}"}


def _recurring(given: Obj | None) -> Obj | None:
    if not given:
        return None
    allow_only(given, "interval", "interval_count", "trial_period_days", "usage_type")
    if given.get("usage_type", "licensed") != "licensed":
        raise invalid("The stand-in does not support metered prices.", param="recurring[meter]")
    recurring: dict[str, Any] = {"interval": given["interval"], "interval_count": given.get("interval_count", 1)}
    return {**recurring, "meter": None, "trial_period_days": given.get("trial_period_days"), "usage_type": "licensed"}


def _assign_lookup_key(world: World, price: Obj, params: Obj) -> None:
    """Assign the lookup key; taking it from another price requires `transfer_lookup_key`."""
    key = params.get("lookup_key")
    if key is None:
        return
    for other in world.all("price", lookup_key=key):
        if key and other is not price:
            if not params.get("transfer_lookup_key"):
                raise invalid(f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key")
            with world.edit(other, "price.updated"):
                other["lookup_key"] = None
    price["lookup_key"] = key or None
    world.save(price)
