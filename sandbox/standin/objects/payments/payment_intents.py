"""`/v1/payment_intents`: payments without an invoice."""

from __future__ import annotations

from stripe.params import (
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    PaymentIntentUpdateParams,
)

from sandbox.standin.engine import payment_attempts
from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.objects.payments.intent_cards import card_of, choose, unfinished
from sandbox.standin.routes import route
from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")

lists.add_list("payment_intent", "/v1/payment_intents", PaymentIntentListParams, "customer")
lists.add_retrieve("payment_intent", "/v1/payment_intents", PaymentIntentRetrieveParams)


@route("POST", "/v1/payment_intents", PaymentIntentCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(
        params, *PLAIN, "amount", "currency", "customer", "metadata", "payment_method", "confirm", "off_session",
        "automatic_payment_methods", "return_url", "error_on_requires_action",
    )  # fmt: skip
    if params["amount"] < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    customer = get_active_customer(world, params["customer"], "customer")["id"] if "customer" in params else None
    made = payment_attempts.new_intent(
        world,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=customer,
        metadata=merged({}, params.get("metadata")),
        **{name: params[name] for name in PLAIN if name in params},
    )
    choose(world, made, params)
    return _confirm(world, made, params) if params.get("confirm") else made


@route("POST", "/v1/payment_intents/{ident}", PaymentIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, *PLAIN, "metadata", "payment_method", "amount")
    found = unfinished(world, "payment_intent", ident)
    found.update(given_fields(params, *PLAIN))
    found["amount"] = params.get("amount", found["amount"])
    found["metadata"] = merged(found["metadata"], params.get("metadata"))
    choose(world, found, params)
    return world.save(found)


@route("POST", "/v1/payment_intents/{ident}/confirm", PaymentIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "payment_method", "off_session", "return_url", "error_on_requires_action")
    found = unfinished(world, "payment_intent", ident)
    choose(world, found, params)
    return _confirm(world, found, params)


@route("POST", "/v1/payment_intents/{ident}/cancel", PaymentIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    found = unfinished(world, "payment_intent", ident)
    payment_attempts.cancel(world, found, params.get("cancellation_reason", "requested_by_customer"))
    return found


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    """Try the card; raises 402 when it is refused, the refusal being kept on the intent."""
    card = card_of(world, intent)
    off_session = params.get("off_session") in {True, "one_off", "recurring"}
    verdict = payment_attempts.attempt(world, intent, card, off_session=off_session, back=params.get("return_url"))
    if verdict.refusal is not None:
        traces = {"payment_intent": public(intent), "payment_method": public(card)}
        raise declined(verdict.refusal, charge=intent["latest_charge"], **traces)
    if verdict.kind == "paid" and intent["setup_future_usage"] and intent["customer"]:
        payment_attempts.attach(world, card, world.get("customer", intent["customer"]))
    return intent
