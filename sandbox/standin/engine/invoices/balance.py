"""A customer's balance: negative is credit, positive is owed. Every change is a transaction.

Rules and types: https://docs.stripe.com/billing/customer/balance. The whole balance goes into the next invoice that is
finalised, in either direction; a negative total goes into the balance.
"""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine.payments import minimums
from sandbox.standin.engine.shapes import balance_shape
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

KIND = "customer_balance_transaction"


def add(world: World, customer: Obj, amount: int, currency: str, **more: Any) -> Obj:
    """Add a transaction to the balance, without an event of the customer's. `more`: type, invoice, credit_note, …"""
    if customer["currency"] not in {None, currency}:
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or "
            f"invoice item with currency {customer['currency']}",
            param="currency",
        )
    customer["balance"] += amount
    customer["currency"] = currency
    ident = world.new_id("cbtxn")
    fields = balance_shape.balance_transaction(ident, world.now(), customer, amount=amount, currency=currency, **more)
    return world.add(fields)


def change(world: World, customer: Obj, amount: int, currency: str, **more: Any) -> Obj:
    """Add a transaction and emit `customer.updated`."""
    with world.edit(customer, "customer.updated"):
        return add(world, customer, amount, currency, **more)


def settle(world: World, customer: Obj, invoice: Obj) -> None:
    """Take the balance into an invoice that is being finalised, and move into it what cannot be charged.

    That is a negative total, and an amount due below the minimum: the invoice is then paid, and the amount is owed. An
    invoice in another currency than the customer's leaves the balance alone.
    """
    if customer["currency"] != invoice["currency"]:
        return
    start, currency = int(customer["balance"]), invoice["currency"]
    due = int(invoice["total"]) + start
    left = due if minimums.is_too_small(due, currency) else min(due, 0)
    invoice.update(starting_balance=start, ending_balance=left)
    invoice["amount_due"] = invoice["amount_remaining"] = due - left
    with world.edit(customer, "customer.updated"):
        for amount, kind in ((min(left, 0) - start, "applied_to_invoice"), (max(left, 0), "invoice_too_small")):
            if amount:
                add(world, customer, amount, currency, type=kind, invoice=invoice["id"])


def give_back(world: World, invoice: Obj) -> None:
    """Undo what the balance did to an invoice that is voided: credit returns, and so does a debt."""
    customer = world.get("customer", invoice["customer"])
    applied = sum(row["amount"] for row in world.all(KIND, invoice=invoice["id"], type="applied_to_invoice"))
    if applied and not customer.get("deleted"):
        change(world, customer, -applied, invoice["currency"], type="unapplied_from_invoice", invoice=invoice["id"])
