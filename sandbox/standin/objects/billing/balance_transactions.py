"""`/v1/customers/{id}/balance_transactions`: what changed a customer's balance, and adjustments by hand."""

from __future__ import annotations

from stripe.params import (
    CustomerBalanceTransactionCreateParams,
    CustomerBalanceTransactionListParams,
    CustomerBalanceTransactionRetrieveParams,
    CustomerBalanceTransactionUpdateParams,
)

from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import balance
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import not_found
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/customers/{owner}/balance_transactions"


@route("POST", URL, CustomerBalanceTransactionCreateParams)
def create(world: World, params: Obj, owner: str) -> Obj:
    """Adjust the balance: a negative amount is credit, a positive one is owed with the next invoice."""
    allow_only(params, "amount", "currency", "description", "metadata")
    customer = get_active_customer(world, owner)
    more = {"description": params.get("description"), "metadata": merged({}, params.get("metadata"))}
    return balance.change(world, customer, params["amount"], params["currency"].lower(), **more)


@route("GET", URL, CustomerBalanceTransactionListParams)
def listing(world: World, params: Obj, owner: str) -> Obj:
    """Newest first, filtered by invoice and time."""
    match = {"customer": world.get("customer", owner)["id"]}
    if "invoice" in params:
        match["invoice"] = params["invoice"]
    return lists.list_page(world.all(balance.KIND, **match), params, URL.replace("{owner}", owner))


@route("GET", URL + "/{ident}", CustomerBalanceTransactionRetrieveParams)
def retrieve(world: World, _params: Obj, owner: str, ident: str) -> Obj:
    """One transaction of the customer; 404 for another customer's."""
    return _get(world, owner, ident)


@route("POST", URL + "/{ident}", CustomerBalanceTransactionUpdateParams)
def update(world: World, params: Obj, owner: str, ident: str) -> Obj:
    """Change the texts; amounts never change."""
    allow_only(params, "description", "metadata")
    row = _get(world, owner, ident)
    row.update(given_fields(params, "description"))
    row["metadata"] = merged(row["metadata"], params.get("metadata"))
    return world.save(row)


def _get(world: World, owner: str, ident: str) -> Obj:
    row = world.get(balance.KIND, ident)
    if row["customer"] != owner:
        raise not_found(balance.KIND, ident)
    return row
