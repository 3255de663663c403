"""Payment attempts: the charge, the state of its intent, and their events. Knows neither invoices nor checkouts."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import bank_debits, cards
from sandbox.standin.engine.bank_debits import DebitForm
from sandbox.standin.engine.cards import CardForm, CardRefusal, Verdict
from sandbox.standin.engine.payments import disputes
from sandbox.standin.engine.shapes import intent_shapes, payment_shapes
from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OVER = frozenset({"succeeded", "canceled"})


def create_payment_method(world: World, form: CardForm | DebitForm) -> Obj:
    """Create a payment method from a card or an account; it has no customer until `attach`."""
    return world.add(payment_shapes.payment_method(world.new_id("pm"), world.now(), form))


def create_payment_intent(world: World, *, amount: int, currency: str, customer: str | None, **more: Any) -> Obj:
    """Create a payment intent that awaits a card. `more` overrides any field."""
    ident = world.new_id("pi")
    fields = intent_shapes.payment_intent(
        ident, world.now(), amount=amount, currency=currency, customer=customer, **more
    )
    intent = world.add(fields)
    world.emit("payment_intent.created", intent)
    return intent


def attach(world: World, method: Obj, customer: Obj) -> None:
    """Attach the card to the customer; does nothing if it is attached already."""
    if method["customer"] == customer["id"]:
        return
    method["customer"] = customer["id"]
    world.save(method)
    world.emit("payment_method.attached", method)


def attempt(
    world: World, intent: Obj, method: Obj, *, off_session: bool, authenticated: bool = False, back: str | None = None
) -> Verdict:
    """Charge the card for the intent's amount. `back` is where a 3-D Secure step leads; emits the outcome's events."""
    if bank_debits.is_delayed(method):
        return _begin_debit(world, intent, method)
    verdict = cards.verdict_on_charge(cards.get_test_card(method), off_session=off_session, authenticated=authenticated)
    intent["next_action"] = None
    if verdict.kind == "authenticate":
        intent["status"], intent["payment_method"] = "requires_action", method["id"]
        intent["next_action"] = next_action(back)
        world.emit("payment_intent.requires_action", world.save(intent))
        return verdict
    charge = _create_charge(world, intent, method, verdict.refusal, three_d_secure=authenticated)
    if verdict.refusal is not None:
        record_decline(world, intent, method, verdict.refusal, charge)
        return verdict
    intent.update(status="succeeded", amount_received=intent["amount"], payment_method=method["id"])
    intent["last_payment_error"] = None
    world.emit("payment_intent.succeeded", world.save(intent))
    return verdict


def settle(world: World, intent: Obj) -> CardRefusal | None:
    """End a debit that is under way; returns why it failed, if it did."""
    charge, method = world.get("charge", intent["latest_charge"]), world.get("payment_method", intent["payment_method"])
    refusal = None if bank_debits.pays(method) else cards.BANK_REFUSED
    charge.update(payment_shapes.outcome(intent["amount"], refusal))
    world.emit("charge.succeeded" if refusal is None else "charge.failed", world.save(charge))
    if refusal is not None:
        record_decline(world, intent, method, refusal, charge)
        return refusal
    intent.update(status="succeeded", amount_received=intent["amount"])
    world.emit("payment_intent.succeeded", world.save(intent))
    return None


def _begin_debit(world: World, intent: Obj, method: Obj) -> Verdict:
    """Send a debit to the bank, which answers days later."""
    ident = world.new_id("ch")
    charge = payment_shapes.charge(ident, world.now(), intent, method, None, secured=False)
    charge = world.add({**charge, **payment_shapes.pending_outcome(intent["amount"])})
    intent.update(status="processing", payment_method=method["id"], latest_charge=ident, last_payment_error=None)
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", world.save(intent))
    at = world.now() + bank_debits.SETTLES_S
    world.schedule(at, "settle_debit", intent=intent["id"], charge=ident)
    return Verdict("processing")


def record_decline(
    world: World, intent: Obj, method: Obj | None, refusal: CardRefusal, charge: Obj | None = None
) -> None:
    """Record a failed attempt: the intent awaits another card and says why."""
    intent.update(status="requires_payment_method", payment_method=None, next_action=None)
    intent["last_payment_error"] = build_error(refusal, method, charge)
    world.emit("payment_intent.payment_failed", world.save(intent))


def cancel(world: World, intent: Obj, reason: str) -> None:
    """Cancel the intent unless it has succeeded."""
    if intent["status"] in OVER:
        return
    intent.update(status="canceled", canceled_at=world.now(), cancellation_reason=reason, next_action=None)
    world.emit("payment_intent.canceled", world.save(intent))


def next_action(back: str | None) -> Obj:
    """The `next_action` of an intent that awaits 3-D Secure."""
    return {"redirect_to_url": {"return_url": back, "url": back}, "type": "redirect_to_url"}


def build_error(refusal: CardRefusal, method: Obj | None, charge: Obj | None = None) -> Obj:
    """The error object stored on an intent."""
    error: Obj = {"code": refusal.code, "message": refusal.message, "type": "card_error"}
    error["doc_url"] = f"https://docs.stripe.com/error-codes/{refusal.code.replace('_', '-')}"
    if refusal.decline_code is not None:
        error["decline_code"] = refusal.decline_code
    if charge is not None:
        error["charge"] = charge["id"]
    if method is not None:
        error["payment_method"] = public(method)
        error["payment_method_type"] = method["type"]
    return error


def _create_charge(world: World, intent: Obj, method: Obj, refusal: CardRefusal | None, *, three_d_secure: bool) -> Obj:
    ident = world.new_id("ch")
    charge = world.add(payment_shapes.charge(ident, world.now(), intent, method, refusal, secured=three_d_secure))
    intent["latest_charge"] = charge["id"]
    world.emit("charge.succeeded" if refusal is None else "charge.failed", charge)
    if refusal is None and cards.get_test_card(method).disputed:
        disputes.schedule_dispute(world, charge)
    return charge
