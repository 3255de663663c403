"""`/v1/products`."""

from __future__ import annotations

from stripe.params import (
    ProductCreateParams,
    ProductDeleteParams,
    ProductListParams,
    ProductRetrieveParams,
    ProductUpdateParams,
)

from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PLAIN = (
    "active", "description", "images", "name", "shippable", "statement_descriptor", "tax_code", "unit_label", "url",
)  # fmt: skip

lists.add_retrieve("product", "/v1/products", ProductRetrieveParams)


@route("POST", "/v1/products", ProductCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, *PLAIN, "id", "metadata", "type")
    return create_product(world, params)


@route("GET", "/v1/products", ProductListParams)
def index(world: World, params: Obj) -> Obj:
    wanted = params.get("ids")
    match = {name: params[name] for name in ("active", "type", "url", "shippable") if name in params}
    products = [row for row in world.all("product", **match) if wanted is None or row["id"] in wanted]
    return lists.list_page(products, params, "/v1/products")


@route("POST", "/v1/products/{ident}", ProductUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, *PLAIN, "metadata", "default_price")
    product = world.get("product", ident)
    with world.edit(product, "product.updated"):
        product.update(given_fields(params, *PLAIN))
        if "default_price" in params:
            product["default_price"] = world.get("price", params["default_price"], "default_price")["id"]
        product["metadata"] = merged(product["metadata"], params.get("metadata"))
        product["updated"] = world.now()
    return product


@route("DELETE", "/v1/products/{ident}", ProductDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    product = world.get("product", ident)
    if world.all("price", product=ident):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    world.emit("product.deleted", product)
    world.remove(product)
    return {"id": ident, "object": "product", "deleted": True}


def create_product(world: World, params: Obj) -> Obj:
    """Create a product; raises 400 `resource_already_exists` if its id is taken."""
    identifier = params.get("id") or world.new_id("prod")
    if world.find(identifier) is not None:
        raise invalid(f"Product already exists: {identifier}", code="resource_already_exists", param="id")
    product = world.add(
        {**_blank(world, identifier), **given_fields(params, *PLAIN), "metadata": merged({}, params.get("metadata"))}
    )
    world.emit("product.created", product)
    return product


def _blank(world: World, identifier: str) -> Obj:
    return {
        "id": identifier,
        "object": "product",
        "active": True,
        "created": world.now(),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": "service",
        "unit_label": None,
        "updated": world.now(),
        "url": None,
    }
