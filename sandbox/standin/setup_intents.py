"""`/v1/setup_intents`: cards saved without a payment."""

from __future__ import annotations

from stripe.params import (
    SetupIntentCancelParams,
    SetupIntentConfirmParams,
    SetupIntentCreateParams,
    SetupIntentListParams,
    SetupIntentRetrieveParams,
    SetupIntentUpdateParams,
)

from sandbox.standin import saved_cards
from sandbox.standin.customers import living
from sandbox.standin.errors import card_error, invalid
from sandbox.standin.events import public
from sandbox.standin.lists import listing
from sandbox.standin.metadata import merged
from sandbox.standin.params import absent, only
from sandbox.standin.routes import route
from sandbox.standin.store import Obj
from sandbox.standin.world import World


@route("POST", "/v1/setup_intents", SetupIntentCreateParams)
def create(world: World, params: Obj) -> Obj:
    only(
        params, "customer", "payment_method", "confirm", "description", "metadata", "usage", "return_url",
        "automatic_payment_methods",
    )  # fmt: skip
    customer = living(world, params["customer"], "customer")["id"] if "customer" in params else None
    made = saved_cards.setup(world, customer, merged({}, params.get("metadata")), params.get("description"))
    made["usage"] = params.get("usage", "off_session")
    if "payment_method" in params:
        _choose(world, made, params["payment_method"])
    return _confirm(world, made, params) if params.get("confirm") else made


@route("GET", "/v1/setup_intents", SetupIntentListParams)
def index(world: World, params: Obj) -> Obj:
    return listing(world, "setup_intent", params, "/v1/setup_intents", "customer", "payment_method")


@route("GET", "/v1/setup_intents/{ident}", SetupIntentRetrieveParams)
def retrieve(world: World, _params: Obj, ident: str) -> Obj:
    return world.get("setup_intent", ident)


@route("POST", "/v1/setup_intents/{ident}", SetupIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    only(params, "description", "metadata", "payment_method")
    found = _open(world, ident)
    found["description"] = params.get("description", found["description"])
    found["metadata"] = merged(found["metadata"], params.get("metadata"))
    if "payment_method" in params:
        _choose(world, found, params["payment_method"])
    return world.save(found)


@route("POST", "/v1/setup_intents/{ident}/confirm", SetupIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    only(params, "payment_method", "return_url")
    found = _open(world, ident)
    if "payment_method" in params:
        _choose(world, found, params["payment_method"])
    return _confirm(world, found, params)


@route("POST", "/v1/setup_intents/{ident}/cancel", SetupIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    found = _open(world, ident)
    reason = params.get("cancellation_reason", "requested_by_customer")
    found.update(status="canceled", cancellation_reason=reason, next_action=None)
    world.emit("setup_intent.canceled", world.save(found))
    return found


def _open(world: World, identifier: str) -> Obj:
    found = world.get("setup_intent", identifier)
    if found["status"] in {"succeeded", "canceled"}:
        words = f"This SetupIntent's status is {found['status']}; nothing more can be done to it."
        raise invalid(words, code="setup_intent_unexpected_state")
    return found


def _choose(world: World, intent: Obj, identifier: str) -> None:
    card = saved_cards.method(world, identifier, "payment_method")
    intent.update(payment_method=card["id"], status="requires_confirmation")
    world.save(intent)


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    if intent["payment_method"] is None:
        raise absent("payment_method")
    card = world.get("payment_method", intent["payment_method"])
    verdict = saved_cards.try_setup(world, intent, card, authenticated=False, back=params.get("return_url"))
    if verdict.refusal is not None:
        refusal = verdict.refusal
        raise card_error(
            refusal.message, code=refusal.code, decline_code=refusal.decline_code, setup_intent=public(intent)
        )
    return intent
