"""`/v1/payment_intents`: payments that are not an invoice's."""

from __future__ import annotations

from stripe.params import (
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    PaymentIntentUpdateParams,
)

from sandbox.standin import cards, paying, saved_cards
from sandbox.standin.customers import living
from sandbox.standin.errors import card_error, invalid
from sandbox.standin.events import public
from sandbox.standin.lists import listing
from sandbox.standin.metadata import merged
from sandbox.standin.params import absent, only
from sandbox.standin.routes import route
from sandbox.standin.store import Obj
from sandbox.standin.world import World

PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")
OVER = frozenset({"succeeded", "canceled"})


@route("POST", "/v1/payment_intents", PaymentIntentCreateParams)
def create(world: World, params: Obj) -> Obj:
    only(
        params, *PLAIN, "amount", "currency", "customer", "metadata", "payment_method", "confirm", "off_session",
        "automatic_payment_methods", "return_url", "error_on_requires_action",
    )  # fmt: skip
    if params["amount"] < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    customer = living(world, params["customer"], "customer")["id"] if "customer" in params else None
    made = paying.new_intent(
        world,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=customer,
        metadata=merged({}, params.get("metadata")),
        **{name: params[name] for name in PLAIN if name in params},
    )
    if "payment_method" in params:
        _choose(world, made, params["payment_method"])
    return _confirm(world, made, params) if params.get("confirm") else made


@route("GET", "/v1/payment_intents", PaymentIntentListParams)
def index(world: World, params: Obj) -> Obj:
    return listing(world, "payment_intent", params, "/v1/payment_intents", "customer")


@route("GET", "/v1/payment_intents/{ident}", PaymentIntentRetrieveParams)
def retrieve(world: World, _params: Obj, ident: str) -> Obj:
    return world.get("payment_intent", ident)


@route("POST", "/v1/payment_intents/{ident}", PaymentIntentUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    only(params, *PLAIN, "metadata", "payment_method", "amount")
    found = _open(world, ident)
    found.update({name: params[name] if params[name] != "" else None for name in PLAIN if name in params})
    found["amount"] = params.get("amount", found["amount"])
    found["metadata"] = merged(found["metadata"], params.get("metadata"))
    if "payment_method" in params:
        _choose(world, found, params["payment_method"])
    return world.save(found)


@route("POST", "/v1/payment_intents/{ident}/confirm", PaymentIntentConfirmParams)
def confirm(world: World, params: Obj, ident: str) -> Obj:
    only(params, "payment_method", "off_session", "return_url", "error_on_requires_action")
    found = _open(world, ident)
    if "payment_method" in params:
        _choose(world, found, params["payment_method"])
    return _confirm(world, found, params)


@route("POST", "/v1/payment_intents/{ident}/cancel", PaymentIntentCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    found = _open(world, ident)
    paying.cancel(world, found, params.get("cancellation_reason", "requested_by_customer"))
    return found


def _open(world: World, identifier: str) -> Obj:
    found = world.get("payment_intent", identifier)
    if found["status"] in OVER:
        words = f"This PaymentIntent's status is {found['status']}; nothing more can be done to it."
        raise invalid(words, code="payment_intent_unexpected_state")
    return found


def _choose(world: World, intent: Obj, identifier: str) -> None:
    """Name the card; one that a customer keeps can pay for that customer only."""
    card = saved_cards.method(world, identifier, "payment_method")
    if card["customer"] not in {None, intent["customer"]}:
        raise invalid("This PaymentMethod belongs to another customer.", param="payment_method")
    intent.update(payment_method=card["id"], status="requires_confirmation")
    world.save(intent)


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    """Try the card; raises 402 when it is refused, the refusal being kept on the intent."""
    if intent["payment_method"] is None:
        raise absent("payment_method")
    card = world.get("payment_method", intent["payment_method"])
    off_session = params.get("off_session") in {True, "one_off", "recurring"}
    verdict = paying.attempt(world, intent, card, off_session=off_session, back=params.get("return_url"))
    if verdict.refusal is not None:
        raise refused(verdict.refusal, intent, card)
    if verdict.kind == "paid" and intent["setup_future_usage"] and intent["customer"]:
        paying.attach(world, card, world.get("customer", intent["customer"]))
    return intent


def refused(refusal: cards.Refusal, intent: Obj, card: Obj) -> Exception:
    """The 402 for a refused card, with the intent as it stands."""
    return card_error(
        refusal.message,
        code=refusal.code,
        decline_code=refusal.decline_code,
        charge=intent["latest_charge"],
        payment_intent=public(intent),
        payment_method=public(card),
    )
