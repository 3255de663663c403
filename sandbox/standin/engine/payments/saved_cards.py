"""A customer's saved cards: attach, make default, detach; setup intents. Used by the API and the pages."""

from __future__ import annotations

from sandbox.standin.engine import cards, subscription_status
from sandbox.standin.engine.cards import CardForm, declined
from sandbox.standin.engine.payments import attempts
from sandbox.standin.engine.shapes import intent_shapes
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

YEAR = 2034


def get_payment_method(world: World, identifier: str, param: str | None = None) -> Obj:
    """Get a payment method; one of Stripe's test names (`pm_card_visa`) creates a new one."""
    number = cards.TOKENS.get(identifier)
    if number is not None:
        return attempts.create_payment_method(world, CardForm(number=number, exp_month=12, exp_year=YEAR))
    return world.get("payment_method", identifier, param)


def get_customer_card(world: World, identifier: str, customer: str, param: str) -> Obj:
    """Get a payment method of this customer; 400 otherwise."""
    card = world.get("payment_method", identifier, param)
    if card["customer"] != customer:
        message = f"The customer does not have a payment method with the ID {identifier}. "
        raise invalid(f"{message}The payment method must be attached to the customer.", param=param)
    return card


def find_default(world: World, subscription: Obj) -> Obj | None:
    """Find the method that a subscription is charged to: its own, else the customer's."""
    customer = world.get("customer", subscription["customer"])
    for ident in (subscription["default_payment_method"], customer["invoice_settings"]["default_payment_method"]):
        method = world.find(ident) if ident else None
        if method is not None and method["customer"] == customer["id"]:
            return method
    return None


def attach(world: World, identifier: str, customer: Obj) -> Obj:
    """Save the card for the customer; raises 402 if it cannot be saved, 400 if it belongs to another customer."""
    card = get_payment_method(world, identifier, "payment_method")
    if card["customer"] not in {None, customer["id"]}:
        raise invalid("The payment method you provided has already been attached to a customer.")
    require_savable(card)
    attempts.attach(world, card, customer)
    return card


def require_savable(card: Obj) -> None:
    """Raise 402 if the bank does not allow the card to be saved."""
    verdict = cards.verdict_on_save(cards.get_test_card(card), authenticated=True)
    if verdict.refusal is not None:
        raise declined(verdict.refusal)


def make_default(world: World, customer: Obj, card: Obj) -> None:
    """Make the card the default for invoices."""
    with world.edit(customer, "customer.updated"):
        settings = customer["invoice_settings"]
        customer["invoice_settings"] = {**settings, "default_payment_method": card["id"]}


def detach(world: World, card: Obj) -> None:
    """Detach the card from its customer; it is no longer a default anywhere."""
    owner = world.find(card["customer"])
    if owner is not None and owner["invoice_settings"]["default_payment_method"] == card["id"]:
        with world.edit(owner, "customer.updated"):
            owner["invoice_settings"] = {**owner["invoice_settings"], "default_payment_method": None}
    for subscription in world.all("subscription", default_payment_method=card["id"]):
        if subscription["status"] not in subscription_status.OVER:
            with world.edit(subscription, subscription_status.UPDATED):
                subscription["default_payment_method"] = None
    card["customer"] = None
    world.emit("payment_method.detached", world.save(card))


def create_setup_intent(world: World, customer: str | None, metadata: Obj, description: str | None = None) -> Obj:
    """Create a setup intent that awaits a card."""
    intent = intent_shapes.setup_intent(
        world.new_id("seti"), world.now(), customer=customer, metadata=metadata, description=description
    )
    world.emit("setup_intent.created", world.add(intent))
    return intent


def attempt_setup(world: World, intent: Obj, card: Obj, *, authenticated: bool, back: str | None) -> cards.Verdict:
    """Try to save the card with the setup intent: succeeded, awaiting 3-D Secure, or declined; emits the events."""
    verdict = cards.verdict_on_save(cards.get_test_card(card), authenticated=authenticated)
    intent["next_action"], intent["last_setup_error"] = None, None
    if verdict.kind == "authenticate":
        intent.update(status="requires_action", payment_method=card["id"], next_action=attempts.next_action(back))
        world.emit("setup_intent.requires_action", world.save(intent))
    elif verdict.refusal is not None:
        record_setup_decline(world, intent, card, verdict.refusal)
    else:
        owner = world.find(intent["customer"]) if intent["customer"] else None
        if owner is not None:
            attempts.attach(world, card, owner)
        intent.update(status="succeeded", payment_method=card["id"])
        world.emit("setup_intent.succeeded", world.save(intent))
    return verdict


def record_setup_decline(world: World, intent: Obj, card: Obj, refusal: cards.CardRefusal) -> None:
    """Record a declined card: the intent awaits another one and says why."""
    intent.update(status="requires_payment_method", payment_method=None, next_action=None)
    intent["last_setup_error"] = attempts.build_error(refusal, card)
    world.emit("setup_intent.setup_failed", world.save(intent))


def cancel_setup(world: World, intent: Obj, reason: str) -> None:
    """Cancel the setup intent."""
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    world.emit("setup_intent.canceled", world.save(intent))
