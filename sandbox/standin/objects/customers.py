"""`/v1/customers`."""

from __future__ import annotations

import re

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerUpdateParams,
)

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.customers import blank_customer, get_active_customer
from sandbox.standin.engine.invoices import balance
from sandbox.standin.engine.metadata import merged
from sandbox.standin.engine.payments import saved_cards
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.expand import includable
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PLAIN = ("address", "description", "email", "name", "phone", "shipping", "tax_exempt", "preferred_locales")

MOST_FIELDS = 4
FIELD_LENGTHS = {"name": 40, "value": 140}
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")

lists.add_list("customer", "/v1/customers", CustomerListParams, "email", "test_clock")
lists.add_retrieve("customer", "/v1/customers", CustomerRetrieveParams)


@route("POST", "/v1/customers", CustomerCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, *PLAIN, "balance", "metadata", "invoice_settings", "payment_method", "test_clock")
    customer = world.add(blank_customer(world))
    _apply(world, customer, {name: value for name, value in params.items() if name != "invoice_settings"})
    if "test_clock" in params:
        customer["test_clock"] = world.get("test_helpers.test_clock", params["test_clock"], "test_clock")["id"]
    world.emit("customer.created", customer)
    if "payment_method" in params:
        saved_cards.attach(world, params["payment_method"], customer)
    _apply(world, customer, {"invoice_settings": params["invoice_settings"]} if "invoice_settings" in params else {})
    return customer


@route("POST", "/v1/customers/{ident}", CustomerUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, *PLAIN, "balance", "metadata", "invoice_settings")
    customer = get_active_customer(world, ident)
    with world.edit(customer, "customer.updated"):
        _apply(world, customer, params)
    return customer


@route("DELETE", "/v1/customers/{ident}", CustomerDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    customer = get_active_customer(world, ident)
    for subscription in world.all("subscription", customer=ident):
        if subscription["status"] not in subscription_status.OVER:
            subscription_status.end(world, subscription, "cancellation_requested")
    for invoice in world.all("invoice", customer=ident):
        subscription_status.stop_collecting(world, invoice)
    world.emit("customer.deleted", customer)
    tombstone = {"id": ident, "object": "customer", "deleted": True}
    customer.clear()
    customer.update(tombstone)
    return world.save(customer)


def _apply(world: World, customer: Obj, params: Obj) -> None:
    country = (params.get("address") or {}).get("country")
    if country and not re.fullmatch("[A-Z]{2}", country):
        raise invalid(
            f"Country '{country}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US',"
            " 'EG', or 'GB'.",
            param="address[country]",
        )
    customer.update(given_fields(params, *PLAIN))
    if "balance" in params and params["balance"] != customer["balance"]:
        balance.add(world, customer, params["balance"] - customer["balance"], customer["currency"] or "usd")
    if customer["address"]:
        customer["address"] = {name: customer["address"].get(name) or None for name in ADDRESS}
    customer["metadata"] = merged(customer["metadata"], params.get("metadata"))
    settings = params.get("invoice_settings") or {}
    allow_only(settings, "default_payment_method", "custom_fields", "footer")
    if settings:
        customer["invoice_settings"] = {**customer["invoice_settings"], **_texts(settings)}
    if "default_payment_method" in settings:
        card = settings["default_payment_method"] or None
        if card is not None:
            saved_cards.get_customer_card(world, card, customer["id"], "invoice_settings[default_payment_method]")
        customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": card}


def _texts(settings: Obj) -> Obj:
    """What the customer's invoices repeat: up to four fields, and a footer."""
    texts: Obj = {}
    if "custom_fields" in settings:
        fields = settings["custom_fields"] or []
        if len(fields) > MOST_FIELDS:
            raise invalid("You may set at most 4 custom fields.", param="invoice_settings[custom_fields]")
        for index, field in enumerate(fields):
            where = f"invoice_settings[custom_fields][{index}]"
            allow_only(field, "name", "value")
            for name, most in FIELD_LENGTHS.items():
                if not 0 < len(field.get(name) or "") <= most:
                    raise invalid(f"Invalid string: must be 1 to {most} characters.", param=f"{where}[{name}]")
        texts["custom_fields"] = fields or None
    if "footer" in settings:
        texts["footer"] = settings["footer"] or None
    return texts


@includable("customer", "subscriptions")
def _subscriptions(world: World, customer: Obj) -> Obj:
    subscriptions = [row for row in world.all("subscription", customer=customer["id"]) if row["status"] != "canceled"]
    return lists.list_object(subscriptions, f"/v1/customers/{customer['id']}/subscriptions")


@includable("customer", "sources")
def _sources(_world: World, customer: Obj) -> Obj:
    return lists.list_object([], f"/v1/customers/{customer['id']}/sources")


@includable("customer", "tax_ids")
def _tax_ids(world: World, customer: Obj) -> Obj:
    rows = world.all("tax_id", customer=customer["id"])
    return lists.list_object(rows, f"/v1/customers/{customer['id']}/tax_ids")
