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

from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.engine.payments import attempts, minimums
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.objects.payments.intent_cards import get_card, get_unfinished, set_card
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
    _require_chargeable(params["amount"], params["currency"].lower())
    customer = get_active_customer(world, params["customer"], "customer")["id"] if "customer" in params else None
    intent = attempts.create_payment_intent(
        world,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=customer,
        metadata=merged({}, params.get("metadata")),
        **{name: params[name] for name in PLAIN if name in params},
    )
    set_card(world, intent, params)
    return _confirm(world, intent, params) if params.get("confirm") else intent


@route("POST", "/v1/payment_intents/{ident}", PaymentIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, *PLAIN, "metadata", "payment_method", "amount")
    intent = get_unfinished(world, "payment_intent", ident)
    intent.update(given_fields(params, *PLAIN))
    intent["amount"] = params.get("amount", intent["amount"])
    _require_chargeable(intent["amount"], intent["currency"])
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    set_card(world, intent, params)
    return world.save(intent)


@route("POST", "/v1/payment_intents/{ident}/confirm", PaymentIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "payment_method", "off_session", "return_url", "error_on_requires_action")
    intent = get_unfinished(world, "payment_intent", ident)
    set_card(world, intent, params)
    return _confirm(world, intent, params)


@route("POST", "/v1/payment_intents/{ident}/cancel", PaymentIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    intent = get_unfinished(world, "payment_intent", ident)
    attempts.cancel(world, intent, params.get("cancellation_reason", "requested_by_customer"))
    return intent


def _require_chargeable(amount: int, currency: str) -> None:
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if minimums.is_too_small(amount, currency):
        raise minimums.too_small("Amount must be", currency, "amount")


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    """Attempt the payment; raises 402 if the card is declined, which is also recorded on the intent."""
    card = get_card(world, intent)
    off_session = params.get("off_session") in {True, "one_off", "recurring"}
    verdict = attempts.attempt(world, intent, card, off_session=off_session, back=params.get("return_url"))
    if verdict.refusal is not None:
        details = {"payment_intent": public(intent), "payment_method": public(card)}
        raise declined(verdict.refusal, charge=intent["latest_charge"], **details)
    if verdict.kind == "paid" and intent["setup_future_usage"] and intent["customer"]:
        attempts.attach(world, card, world.get("customer", intent["customer"]))
    return intent
