"""`/v1/customers/{customer}/tax_ids`: create, retrieve, list, delete."""

from __future__ import annotations

import re

from stripe.params import CustomerCreateTaxIdParams, CustomerListTaxIdsParams, CustomerRetrieveTaxIdParams

from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.objects import lists
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/customers/{customer}/tax_ids"
# The forms of those that are checked here; Stripe checks all.
FORMS = {
    "eu_vat": re.compile(r"(?!XX)[A-Z]{2}[0-9A-Z+*]{8,12}"),
    "gb_vat": re.compile(r"(GB)?[0-9]{9}([0-9]{3})?"),
    "ch_vat": re.compile(r"CHE-?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3} ?(MWST|TVA|IVA)"),
    "us_ein": re.compile(r"[0-9]{2}-[0-9]{7}"),
}


@route("POST", URL, CustomerCreateTaxIdParams)
def create(world: World, params: Obj, customer: str) -> Obj:
    owner = get_active_customer(world, customer)
    for name in ("type", "value"):
        if name not in params:
            raise missing_param(name)
    kind, value = params["type"], params["value"]
    if kind in FORMS and not FORMS[kind].fullmatch(value):
        raise invalid(f"Invalid value for {kind}.", code="tax_id_invalid", param="value")
    tax_id = world.add(
        {
            "id": world.new_id("txi"),
            "object": "tax_id",
            "country": value[:2] if kind == "eu_vat" else kind[:2].upper(),
            "created": world.now(),
            "customer": owner["id"],
            "customer_account": None,
            "livemode": False,
            "owner": {"customer": owner["id"], "customer_account": None, "type": "customer"},
            "type": kind,
            "value": value,
            "verification": {"status": "pending", "verified_address": None, "verified_name": None},
        }
    )
    world.emit("customer.tax_id.created", tax_id)
    return tax_id


@route("GET", URL, CustomerListTaxIdsParams)
def index(world: World, params: Obj, customer: str) -> Obj:
    owner = get_active_customer(world, customer)
    return lists.list_page(world.all("tax_id", customer=owner["id"]), params, f"/v1/customers/{customer}/tax_ids")


@route("GET", URL + "/{ident}", CustomerRetrieveTaxIdParams)
def retrieve(world: World, _params: Obj, customer: str, ident: str) -> Obj:
    return _get(world, customer, ident)


@route("DELETE", URL + "/{ident}")
def delete(world: World, _params: Obj, customer: str, ident: str) -> Obj:
    tax_id = _get(world, customer, ident)
    world.remove(tax_id)
    world.emit("customer.tax_id.deleted", tax_id)
    return {"id": ident, "object": "tax_id", "deleted": True}


def _get(world: World, customer: str, ident: str) -> Obj:
    tax_id = world.get("tax_id", ident)
    if tax_id["customer"] != customer:
        raise not_found("tax_id", ident)
    return tax_id
