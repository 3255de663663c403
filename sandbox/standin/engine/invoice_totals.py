"""Sums of an invoice, from its lines and discounts."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import proration
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def coupon_of(world: World, discount: Obj) -> Obj | None:
    """The coupon behind a discount."""
    ident = discount["source"]["coupon"]
    return world.find(ident) if ident else None


def new_discount(world: World, coupon: Obj, *, customer: str | None, code: str | None, **more: Any) -> Obj:
    """A coupon in force from now on. `more`: subscription, invoice, checkout_session."""
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
    """Those of a subscription's discounts that count on a renewal of this moment; "once" was for the first invoice."""
    kept = []
    for ident in discounts:
        discount = world.get("discount", ident)
        coupon = coupon_of(world, discount)
        if coupon is None or coupon["duration"] == "once":
            continue
        if discount["end"] is None or discount["end"] > moment:
            kept.append(ident)
    return kept


def recompute(world: World, invoice: Obj) -> None:
    """Set every sum of a draft from its lines, its discounts and the customer's balance."""
    lines = invoice["lines"]["data"]
    invoice["lines"]["total_count"] = len(lines)
    for line in lines:
        line["discount_amounts"] = []
    taken = [{"amount": _take(world, lines, ident), "discount": ident} for ident in invoice["discounts"]]
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - sum(part["amount"] for part in taken)
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal, total=total, total_excluding_tax=total)
    invoice["total_discount_amounts"] = taken
    invoice["total_pretax_credit_amounts"] = [{**part, "type": "discount"} for part in taken]
    due = total + int(invoice["starting_balance"])
    invoice["amount_due"] = invoice["amount_remaining"] = max(due, 0)
    invoice["ending_balance"] = None if invoice["status"] == "draft" else min(due, 0)


def _take(world: World, lines: list[Obj], ident: str) -> int:
    """Spread one discount over the lines that it may touch, what is left going to the last; returns its sum."""
    coupon = coupon_of(world, world.get("discount", ident))
    open_lines = [line for line in lines if line["discountable"] and _rest(line) > 0]
    whole = sum(_rest(line) for line in open_lines)
    amount = left = proration.discount_amount(whole, coupon)
    for place, line in enumerate(open_lines):
        last = place == len(open_lines) - 1
        part = left if last else amount * _rest(line) // whole
        left -= part
        line["discount_amounts"].append({"amount": part, "discount": ident})
    for line in lines:
        line["pretax_credit_amounts"] = [{**part, "type": "discount"} for part in line["discount_amounts"]]
    return int(amount)


def _rest(line: Obj) -> int:
    taken: int = sum(part["amount"] for part in line["discount_amounts"])
    return int(line["amount"]) - taken
