"""The card of an unfinished payment or setup intent: chosen, read."""

from __future__ import annotations

from sandbox.standin.engine import payment_attempts, saved_cards
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def unfinished(world: World, kind: str, identifier: str) -> Obj:
    """The intent; raises 400 when it has succeeded or is cancelled, 404 when there is none."""
    found = world.get(kind, identifier)
    if found["status"] in payment_attempts.OVER:
        words = f"This {kind.title().replace('_', '')}'s status is {found['status']}; nothing more can be done to it."
        raise invalid(words, code=f"{kind}_unexpected_state")
    return found


def choose(world: World, intent: Obj, params: Obj) -> None:
    """Note the card that the call names, if it does; one that a customer keeps can serve that customer only."""
    if "payment_method" not in params:
        return
    card = saved_cards.method(world, params["payment_method"], "payment_method")
    if card["customer"] not in {None, intent["customer"]}:
        raise invalid("This PaymentMethod belongs to another customer.", param="payment_method")
    intent.update(payment_method=card["id"], status="requires_confirmation")
    world.save(intent)


def card_of(world: World, intent: Obj) -> Obj:
    """The card that was chosen; raises 400 when none was."""
    if intent["payment_method"] is None:
        raise missing_param("payment_method")
    return world.get("payment_method", intent["payment_method"])
