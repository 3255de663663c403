"""Computes an invoice's totals from its lines and discounts."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import proration
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def find_coupon(world: World, discount: Obj) -> Obj | None:
    """Find the coupon of a discount."""
    ident = discount["source"]["coupon"]
    return world.find(ident) if ident else None


def new_discount(world: World, coupon: Obj, *, customer: str | None, code: str | None, **more: Any) -> Obj:
    """Create a discount from a coupon, starting now. `more`: subscription, invoice, checkout_session."""
    now = world.now()
    end = None
    if coupon["duration"] == "repeating":
        end = proration.period_boundary(now, {"interval": "month", "interval_count": coupon["duration_in_months"]}, 1)
    return world.add(
        {
            "id": world.new_id("di"),
            "object": "discount",
            "checkout_session": None,
            "customer": customer,
            "customer_account": None,
            "end": end,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code,
            "source": {"coupon": coupon["id"], "type": "coupon"},
            "start": now,
            "subscription": None,
            "subscription_item": None,
            **more,
        }
    )


def discounts_on_renewal(world: World, discounts: list[str], moment: int) -> list[str]:
    """List the discounts that apply to a renewal at this moment; "once" applied only to the first invoice."""
    applicable = []
    for ident in discounts:
        discount = world.get("discount", ident)
        coupon = find_coupon(world, discount)
        if coupon is None or coupon["duration"] == "once":
            continue
        if discount["end"] is None or discount["end"] > moment:
            applicable.append(ident)
    return applicable


def recompute(world: World, invoice: Obj) -> None:
    """Set every total of a draft from its lines, discounts and the customer's balance."""
    lines = invoice["lines"]["data"]
    invoice["lines"]["total_count"] = len(lines)
    for line in lines:
        line["discount_amounts"] = []
    discounted = [{"amount": _apply_discount(world, lines, ident), "discount": ident} for ident in invoice["discounts"]]
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - sum(part["amount"] for part in discounted)
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal, total=total, total_excluding_tax=total)
    invoice["total_discount_amounts"] = discounted
    invoice["total_pretax_credit_amounts"] = [{**part, "type": "discount"} for part in discounted]
    due = total + int(invoice["starting_balance"])
    invoice["amount_due"] = invoice["amount_remaining"] = max(due, 0)
    invoice["ending_balance"] = None if invoice["status"] == "draft" else min(due, 0)


def _apply_discount(world: World, lines: list[Obj], ident: str) -> int:
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
    for line in lines:
        line["pretax_credit_amounts"] = [{**part, "type": "discount"} for part in line["discount_amounts"]]
    return int(amount)


def _undiscounted(line: Obj) -> int:
    discounted: int = sum(part["amount"] for part in line["discount_amounts"])
    return int(line["amount"]) - discounted
