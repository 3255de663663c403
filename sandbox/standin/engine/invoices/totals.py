"""Computes an invoice's totals from its lines and discounts.

Discounts of a line come first, then the invoice's own, on what is left of the discountable lines
(https://docs.stripe.com/billing/subscriptions/coupons). `subtotal` is net of the former.
"""

from __future__ import annotations

from sandbox.standin.engine import proration
from sandbox.standin.engine.invoices.discounts import find_coupon
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def recompute(world: World, invoice: Obj) -> None:
    """Set every total of a draft from its lines, discounts and the customer's balance."""
    lines = invoice["lines"]["data"]
    invoice["lines"]["total_count"] = len(lines)
    for line in lines:
        line["discount_amounts"] = []
    own = [_discount(world, [line], ident) for line in lines for ident in line["discounts"]]
    subtotal = sum(_undiscounted(line) for line in lines)
    discounted = [_discount(world, lines, ident) for ident in invoice["discounts"]]
    total = subtotal - sum(part["amount"] for part in discounted)
    for line in lines:
        line["pretax_credit_amounts"] = [{**part, "type": "discount"} for part in line["discount_amounts"]]
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal, total=total, total_excluding_tax=total)
    invoice["total_discount_amounts"] = own + discounted
    invoice["total_pretax_credit_amounts"] = [{**part, "type": "discount"} for part in own + discounted]
    invoice["amount_due"] = invoice["amount_remaining"] = max(total + int(invoice["starting_balance"]), 0)


def _discount(world: World, lines: list[Obj], ident: str) -> Obj:
    """Spread one discount over the discountable lines, the remainder going to the last; return its total."""
    coupon = find_coupon(world, world.get("discount", ident))
    open_lines = [line for line in lines if line["discountable"] and _undiscounted(line) > 0]
    total = sum(_undiscounted(line) for line in open_lines)
    amount = remaining = proration.discount_amount(total, coupon)
    for place, line in enumerate(open_lines):
        last = place == len(open_lines) - 1
        part = remaining if last else amount * _undiscounted(line) // total
        remaining -= part
        line["discount_amounts"].append({"amount": part, "discount": ident})
    return {"amount": amount, "discount": ident}


def _undiscounted(line: Obj) -> int:
    discounted: int = sum(part["amount"] for part in line["discount_amounts"])
    return int(line["amount"]) - discounted
