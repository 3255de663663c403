"""`/v1/setup_intents`: saves a card without a payment."""

from __future__ import annotations

from stripe.params import (
    SetupIntentCancelParams,
    SetupIntentConfirmParams,
    SetupIntentCreateParams,
    SetupIntentListParams,
    SetupIntentRetrieveParams,
    SetupIntentUpdateParams,
)

from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.engine.payments import saved_cards
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.objects.payments.intent_cards import get_card, get_unfinished, set_card
from sandbox.standin.routes import route
from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

lists.add_list("setup_intent", "/v1/setup_intents", SetupIntentListParams, "customer", "payment_method")
lists.add_retrieve("setup_intent", "/v1/setup_intents", SetupIntentRetrieveParams)


@route("POST", "/v1/setup_intents", SetupIntentCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(
        params, "customer", "payment_method", "confirm", "description", "metadata", "usage", "return_url",
        "automatic_payment_methods",
    )  # fmt: skip
    customer = get_active_customer(world, params["customer"], "customer")["id"] if "customer" in params else None
    intent = saved_cards.create_setup_intent(
        world, customer, merged({}, params.get("metadata")), params.get("description")
    )
    intent["usage"] = params.get("usage", "off_session")
    set_card(world, intent, params)
    return _confirm(world, intent, params) if params.get("confirm") else intent


@route("POST", "/v1/setup_intents/{ident}", SetupIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "description", "metadata", "payment_method")
    intent = get_unfinished(world, "setup_intent", ident)
    intent["description"] = params.get("description", intent["description"])
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    set_card(world, intent, params)
    return world.save(intent)


@route("POST", "/v1/setup_intents/{ident}/confirm", SetupIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "payment_method", "return_url")
    intent = get_unfinished(world, "setup_intent", ident)
    set_card(world, intent, params)
    return _confirm(world, intent, params)


@route("POST", "/v1/setup_intents/{ident}/cancel", SetupIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    intent = get_unfinished(world, "setup_intent", ident)
    saved_cards.cancel_setup(world, intent, params.get("cancellation_reason", "requested_by_customer"))
    return intent


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    card = get_card(world, intent)
    verdict = saved_cards.attempt_setup(world, intent, card, authenticated=False, back=params.get("return_url"))
    if verdict.refusal is not None:
        raise declined(verdict.refusal, setup_intent=public(intent))
    return intent
