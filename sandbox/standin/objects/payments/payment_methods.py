"""`/v1/payment_methods`, and those of a customer."""

from __future__ import annotations

from stripe.params import (
    CustomerPaymentMethodListParams,
    CustomerPaymentMethodRetrieveParams,
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
    PaymentMethodUpdateParams,
)

from sandbox.standin.engine import bank_debits
from sandbox.standin.engine.bank_debits import DebitForm
from sandbox.standin.engine.cards import CardForm
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.engine.payments import attempts, saved_cards
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

lists.add_retrieve("payment_method", "/v1/payment_methods", PaymentMethodRetrieveParams)


@route("POST", "/v1/payment_methods", PaymentMethodCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, "type", "card", "sepa_debit", "billing_details", "metadata")
    method = attempts.create_payment_method(world, _parse_form(params))
    method["metadata"] = merged({}, params.get("metadata"))
    return method


def _parse_form(params: Obj) -> CardForm | DebitForm:
    card, details = params.get("card") or {}, params.get("billing_details") or {}
    if params.get("type") == bank_debits.KIND:
        for name in ("name", "email"):
            if not details.get(name):
                raise missing_param(f"billing_details[{name}]")
        return DebitForm(params.get("sepa_debit", {}).get("iban", ""), details["name"], details["email"])
    for name in ("number", "exp_month", "exp_year"):
        if name not in card:
            raise missing_param(f"card[{name}]")
    return CardForm(card["number"], card["exp_month"], card["exp_year"], details.get("name"), details.get("email"))


@route("GET", "/v1/payment_methods", PaymentMethodListParams)
def index(world: World, params: Obj) -> Obj:
    match = {name: params[name] for name in ("customer", "type") if name in params}
    found = world.all("payment_method", **match) if "customer" in match else []
    return lists.list_page(found, params, "/v1/payment_methods")


@route("GET", "/v1/customers/{customer}/payment_methods", CustomerPaymentMethodListParams)
def list_of_customer(world: World, params: Obj, customer: str) -> Obj:
    owner = get_active_customer(world, customer)
    match = {"type": params["type"]} if "type" in params else {}
    rows = world.all("payment_method", customer=owner["id"], **match)
    return lists.list_page(rows, params, f"/v1/customers/{customer}/payment_methods")


@route("GET", "/v1/customers/{customer}/payment_methods/{ident}", CustomerPaymentMethodRetrieveParams)
def retrieve_of_customer(world: World, _params: Obj, customer: str, ident: str) -> Obj:
    method = world.get("payment_method", ident)
    if method["customer"] != customer:
        raise not_found("payment_method", ident)
    return method


@route("POST", "/v1/payment_methods/{ident}", PaymentMethodUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "metadata", "card", "billing_details")
    method = world.get("payment_method", ident)
    with world.edit(method, "payment_method.updated"):
        method["metadata"] = merged(method["metadata"], params.get("metadata"))
        card = params.get("card") or {}
        allow_only(card, "exp_month", "exp_year")
        method["card"] = {**method["card"], **card}
        method["billing_details"] = {**method["billing_details"], **(params.get("billing_details") or {})}
    return method


@route("POST", "/v1/payment_methods/{ident}/attach", PaymentMethodAttachParams)
def attach(world: World, params: Obj, ident: str) -> Obj:
    if "customer" not in params:
        raise missing_param("customer")
    return saved_cards.attach(world, ident, get_active_customer(world, params["customer"], "customer"))


@route("POST", "/v1/payment_methods/{ident}/detach", PaymentMethodDetachParams)
def detach(world: World, _params: Obj, ident: str) -> Obj:
    method = world.get("payment_method", ident)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    saved_cards.detach(world, method)
    return method
