"""What becomes of a debit at the bank: days later it succeeds or fails, and its invoice with it.

Meanwhile the intent is `processing`, the invoice open, and a subscription that waits for its first payment is active.
Source: https://docs.stripe.com/billing/subscriptions/sepa-debit.
"""

from __future__ import annotations

from sandbox.standin.engine.cards import Verdict
from sandbox.standin.engine.invoices import collection, life_cycle
from sandbox.standin.engine.payments import attempts
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


@scheduled("settle_debit")
def settle_due(world: World, intent: str, charge: str) -> None:
    """Let a debit succeed or fail, unless it was cancelled."""
    row = world.get("payment_intent", intent)
    if row["status"] != "processing" or row["latest_charge"] != charge:
        return
    refusal = attempts.settle(world, row)
    invoice = _find_invoice(world, row)
    if invoice is None or invoice["status"] not in {"open", "uncollectible"}:
        return
    if refusal is None:
        life_cycle.mark_paid(world, invoice)
    else:
        collection.record_failure(world, invoice, Verdict("declined", refusal), automatic=invoice["auto_advance"])


def _find_invoice(world: World, intent: Obj) -> Obj | None:
    for row in world.all("invoice_payment"):
        if row["payment"].get("payment_intent") == intent["id"]:
            return world.find(row["invoice"])
    return None
