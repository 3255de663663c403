"""Attempts a payment: the charge, the state of its intent, and their events. Knows no invoices or checkouts."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import cards, disputes
from sandbox.standin.engine.cards import CardForm, CardRefusal, Verdict
from sandbox.standin.engine.shapes import intent_shapes, payment_shapes
from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OVER = frozenset({"succeeded", "canceled"})


def new_method(world: World, form: CardForm) -> Obj:
    """A card that somebody typed in; it belongs to nobody until `attach`."""
    return world.add(payment_shapes.payment_method(world.new_id("pm"), world.now(), form))


def new_intent(world: World, *, amount: int, currency: str, customer: str | None, **more: Any) -> Obj:
    """A payment intent that waits for a card. `more` replaces any field."""
    ident = world.new_id("pi")
    fields = intent_shapes.payment_intent(
        ident, world.now(), amount=amount, currency=currency, customer=customer, **more
    )
    intent = world.add(fields)
    world.emit("payment_intent.created", intent)
    return intent


def attach(world: World, method: Obj, customer: Obj) -> None:
    """The card is the customer's from now on; repeating it says nothing twice."""
    if method["customer"] == customer["id"]:
        return
    method["customer"] = customer["id"]
    world.save(method)
    world.emit("payment_method.attached", method)


def attempt(
    world: World, intent: Obj, method: Obj, *, off_session: bool, authenticated: bool = False, back: str | None = None
) -> Verdict:
    """Try the card for the intent's amount. `back` is where a 3-D Secure step would lead; events follow the outcome."""
    verdict = cards.verdict_on_charge(cards.get_test_card(method), off_session=off_session, authenticated=authenticated)
    intent["next_action"] = None
    if verdict.kind == "authenticate":
        intent["status"], intent["payment_method"] = "requires_action", method["id"]
        intent["next_action"] = next_action(back)
        world.emit("payment_intent.requires_action", world.save(intent))
        return verdict
    charge = _charge(world, intent, method, verdict.refusal, secured=authenticated)
    if verdict.refusal is not None:
        refuse(world, intent, method, verdict.refusal, charge)
        return verdict
    intent.update(status="succeeded", amount_received=intent["amount"], payment_method=method["id"])
    intent["last_payment_error"] = None
    world.emit("payment_intent.succeeded", world.save(intent))
    return verdict


def refuse(world: World, intent: Obj, method: Obj | None, refusal: CardRefusal, charge: Obj | None = None) -> None:
    """The try failed: the intent waits for another card and says why."""
    intent.update(status="requires_payment_method", payment_method=None, next_action=None)
    intent["last_payment_error"] = error_of(refusal, method, charge)
    world.emit("payment_intent.payment_failed", world.save(intent))


def cancel(world: World, intent: Obj, reason: str) -> None:
    """Nobody will pay this any more."""
    if intent["status"] in OVER:
        return
    intent.update(status="canceled", canceled_at=world.now(), cancellation_reason=reason, next_action=None)
    world.emit("payment_intent.canceled", world.save(intent))


def next_action(back: str | None) -> Obj:
    """What an intent says while it waits for 3-D Secure."""
    return {"redirect_to_url": {"return_url": back, "url": back}, "type": "redirect_to_url"}


def error_of(refusal: CardRefusal, method: Obj | None, charge: Obj | None = None) -> Obj:
    """The error object that an intent keeps."""
    error: Obj = {"code": refusal.code, "message": refusal.message, "type": "card_error"}
    error["doc_url"] = f"https://docs.stripe.com/error-codes/{refusal.code.replace('_', '-')}"
    if refusal.decline_code is not None:
        error["decline_code"] = refusal.decline_code
    if charge is not None:
        error["charge"] = charge["id"]
    if method is not None:
        error["payment_method"] = public(method)
        error["payment_method_type"] = "card"
    return error


def _charge(world: World, intent: Obj, method: Obj, refusal: CardRefusal | None, *, secured: bool) -> Obj:
    ident = world.new_id("ch")
    charge = world.add(payment_shapes.charge(ident, world.now(), intent, method, refusal, secured=secured))
    intent["latest_charge"] = charge["id"]
    world.emit("charge.succeeded" if refusal is None else "charge.failed", charge)
    if refusal is None and cards.get_test_card(method).disputed:
        disputes.expect(world, charge)
    return charge
