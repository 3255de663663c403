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

from sandbox.standin.engine import saved_cards
from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.objects.payments.intent_cards import card_of, choose, unfinished
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
    made = saved_cards.create_setup_intent(
        world, customer, merged({}, params.get("metadata")), params.get("description")
    )
    made["usage"] = params.get("usage", "off_session")
    choose(world, made, params)
    return _confirm(world, made, params) if params.get("confirm") else made


@route("POST", "/v1/setup_intents/{ident}", SetupIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "description", "metadata", "payment_method")
    found = unfinished(world, "setup_intent", ident)
    found["description"] = params.get("description", found["description"])
    found["metadata"] = merged(found["metadata"], params.get("metadata"))
    choose(world, found, params)
    return world.save(found)


@route("POST", "/v1/setup_intents/{ident}/confirm", SetupIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    allow_only(params, "payment_method", "return_url")
    found = unfinished(world, "setup_intent", ident)
    choose(world, found, params)
    return _confirm(world, found, params)


@route("POST", "/v1/setup_intents/{ident}/cancel", SetupIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    found = unfinished(world, "setup_intent", ident)
    saved_cards.cancel_setup(world, found, params.get("cancellation_reason", "requested_by_customer"))
    return found


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    card = card_of(world, intent)
    verdict = saved_cards.attempt_setup(world, intent, card, authenticated=False, back=params.get("return_url"))
    if verdict.refusal is not None:
        raise declined(verdict.refusal, setup_intent=public(intent))
    return intent
