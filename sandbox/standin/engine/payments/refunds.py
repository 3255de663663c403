"""Refunds of charges. They succeed at once; with one test card they fail a minute later."""

from __future__ import annotations

from sandbox.standin.engine import cards
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

FAILS_AFTER_S = 60


def refund(world: World, charge: Obj, params: Obj) -> Obj:
    """Refund `amount` of the charge, by default what is left of it; 400 if that is less. `params` as of the API."""
    refundable = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", refundable)
    if refundable <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    if not 0 < amount <= refundable:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({refundable})"
        raise invalid(message, param="amount")
    made = world.add(_build_refund(world, charge, amount, params))
    _add_refunded(world, charge, amount)
    world.emit("refund.created", made)
    world.emit("charge.refunded", charge)
    card = world.find(charge["payment_method"])
    if card is not None and cards.get_test_card(card).refund_fails:
        world.schedule(world.now() + FAILS_AFTER_S, "refund_fails", refund=made["id"])
    return made


@scheduled("refund_fails")
def fail(world: World, refund: str) -> None:
    """Fail the refund: the bank returns the money."""
    row = world.get("refund", refund)
    if row["status"] == "failed":
        return
    with world.edit(row, "refund.updated"):
        row.update(status="failed", failure_reason="lost_or_stolen_card")
    _add_refunded(world, world.get("charge", row["charge"]), -row["amount"])
    world.emit("refund.failed", row)


def _add_refunded(world: World, charge: Obj, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.save(charge)


def _build_refund(world: World, charge: Obj, amount: int, params: Obj) -> Obj:
    return {
        "id": world.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merged({}, params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
