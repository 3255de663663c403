"""Computes an invoice's totals from its lines, discounts and tax rates.

Discounts of a line come first, then the invoice's own, on what is left of the discountable lines
(https://docs.stripe.com/billing/subscriptions/coupons). `subtotal` is net of the former. A proration names the
discounts that its amount is net of, each with the amount 0 (`proration_discounts: included`).
"""

from __future__ import annotations

from copy import deepcopy

from sandbox.standin.engine import proration
from sandbox.standin.engine.invoices import taxes
from sandbox.standin.engine.invoices.discounts import find_coupon
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def recompute(world: World, invoice: Obj) -> None:
    """Set every total of a draft from its lines, discounts, tax rates and the customer's balance."""
    lines = invoice["lines"]["data"]
    invoice["lines"]["total_count"] = len(lines)
    for line in lines:
        included = [] if line["discountable"] else line["discounts"]
        line["discount_amounts"] = [{"amount": 0, "discount": ident} for ident in included]
    own = [_discount(world, [line], ident) for line in lines for ident in line["discounts"] if line["discountable"]]
    subtotal = sum(taxes.net(line) for line in lines)
    discounted = [_discount(world, lines, ident) for ident in invoice["discounts"]]
    total = subtotal - sum(part["amount"] for part in discounted)
    for line in lines:
        parts = [part for part in line["discount_amounts"] if line["discountable"]]
        line["pretax_credit_amounts"] = [{**part, "type": "discount"} for part in parts]
    _set_taxed(world, invoice, subtotal, total)
    invoice["total_discount_amounts"] = own + discounted
    invoice["total_pretax_credit_amounts"] = [{**part, "type": "discount"} for part in own + discounted]
    due = int(invoice["total"]) + int(invoice["starting_balance"])
    invoice["amount_due"] = invoice["amount_remaining"] = max(due, 0)


def after_discounts(world: World, amounts: list[tuple[int, str]], idents: list[str]) -> list[int]:
    """What is left of each of these amounts (with its currency) where these discounts are an invoice's."""
    blank = {"discountable": True, "discount_amounts": []}
    lines: list[Obj] = [{"amount": amount, "currency": code, **deepcopy(blank)} for amount, code in amounts]
    for ident in idents:
        _discount(world, lines, ident)
    return [taxes.net(line) for line in lines]


def _set_taxed(world: World, invoice: Obj, subtotal: int, total: int) -> None:
    taxes.tax_lines(world, invoice)
    invoice["total_taxes"] = parts = taxes.sums(invoice["lines"]["data"])
    on_top, within = taxes.amount(parts, inclusive=False), taxes.amount(parts, inclusive=True)
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal - within)
    invoice.update(total=total + on_top, total_excluding_tax=total - within)


def _discount(world: World, lines: list[Obj], ident: str) -> Obj:
    """Spread one discount over the discountable lines, the remainder going to the last; return its total."""
    coupon = find_coupon(world, world.get("discount", ident))
    open_lines = [line for line in lines if line["discountable"] and taxes.net(line) > 0]
    total = sum(taxes.net(line) for line in open_lines)
    amount = remaining = proration.discount_amount(total, coupon, lines[0]["currency"] if lines else "usd")
    for place, line in enumerate(open_lines):
        last = place == len(open_lines) - 1
        part = remaining if last else amount * taxes.net(line) // total
        remaining -= part
        line["discount_amounts"].append({"amount": part, "discount": ident})
    return {"amount": amount, "discount": ident}
