"""The card of an unfinished payment or setup intent."""

from __future__ import annotations

from sandbox.standin.engine.payments import attempts, saved_cards
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def get_unfinished(world: World, kind: str, identifier: str) -> Obj:
    """Get the intent; raises 400 if it has succeeded or was cancelled, 404 if there is none."""
    intent = world.get(kind, identifier)
    if intent["status"] in attempts.OVER | {"processing"}:
        message = (
            f"This {kind.title().replace('_', '')}'s status is {intent['status']}; nothing more can be done to it."
        )
        raise invalid(message, code=f"{kind}_unexpected_state")
    return intent


def set_card(world: World, intent: Obj, params: Obj) -> None:
    """Set the card that the call names, if any; an attached card can only be used for its customer."""
    if "payment_method" not in params:
        return
    card = saved_cards.get_payment_method(world, params["payment_method"], "payment_method")
    if card["customer"] not in {None, intent["customer"]}:
        raise invalid("This PaymentMethod belongs to another customer.", param="payment_method")
    intent.update(payment_method=card["id"], status="requires_confirmation")
    world.save(intent)


def get_card(world: World, intent: Obj) -> Obj:
    """Get the chosen card; raises 400 if none was chosen."""
    if intent["payment_method"] is None:
        raise missing_param("payment_method")
    return world.get("payment_method", intent["payment_method"])
