"""The lines that bill a change of items: credits of what was billed, and charges for what comes.

A charge is the new price after the subscription's discounts, for the rest of the period by the second; a new period is
billed whole. Source: https://docs.stripe.com/billing/subscriptions/prorations. Each line is rounded half away from
zero; of exact halves it is said that Stripe rounds them down, which our charges would exceed by one minor unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.standin.engine import proration
from sandbox.standin.engine.invoices import debits, discounts, totals
from sandbox.standin.engine.invoices.debits import Debit
from sandbox.standin.engine.invoices.lines import amount_of, build_item_line, build_proration_line, subscription_parent
from sandbox.standin.engine.shapes import invoice_shape
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


@dataclass(frozen=True, slots=True)
class ItemChange:
    """The items before and after, prorated from `moment`.

    `fresh`: a new period begins at `anchor`; `credits`: what was billed is credited; `trial`: nothing is charged.
    `discounts` are those that count, `fields` what else of the subscription changes with the items.
    """

    before: list[Obj]
    after: list[Obj]
    anchor: int
    moment: int
    fresh: bool
    discounts: list[str]
    credits: bool = True
    trial: bool = False
    fields: Obj = field(default_factory=dict)


def build_lines(world: World, subscription: Obj, invoice: Obj, change: ItemChange) -> list[Obj]:
    """Build the credits for removed and changed items, then the charges for new and changed ones."""
    built = build_credits(world, subscription, invoice, _credited(change), change.moment) if change.credits else []
    for item, price in zip(change.after, net_prices(world, change), strict=True):
        if change.fresh or (change.trial and _is_new(change, item)):
            period = (item["current_period_start"], item["current_period_end"])
            built.append(build_item_line(world, invoice, item, period, trial=change.trial))
        elif _is_new(change, item) and change.moment < item["current_period_end"]:
            built.append(build_charge(world, invoice, item, price, change))
    return built


def build_credits(world: World, subscription: Obj, invoice: Obj, items: list[Obj], moment: int) -> list[Obj]:
    """Build the credits of everything that was billed to these items for time after `moment`."""
    built = []
    for item in items:
        for debit in debits.list_open(world, subscription, item["id"], moment):
            amount, period = debit.credit(moment)
            parent = subscription_parent(item, proration=True)
            parent["subscription_item_details"]["proration_details"]["credited_items"] = _credited_lines(debit)
            more = {"parent": parent, "_credits": debit.key, "_tax_rates": list(debit.tax_rates)}
            more["discounts"] = [part["discount"] for part in debit.source.get("discount_amounts", [])]
            billed = debit.source["pricing"] and debit.source["pricing"]["price_details"]["price"]
            sold = {**item, "price": world.find(billed) or item["price"], "quantity": debit.source["quantity"]}
            built.append(build_proration_line(world, invoice, sold, -amount, period, **more))
    return built


def build_charge(world: World, invoice: Obj, item: Obj, price: int, change: ItemChange) -> Obj:
    """Build the charge for an item from the change to the end of its period; `price` is that of a whole one."""
    start, end = item["current_period_start"], item["current_period_end"]
    amount = proration.prorated(price, start, end, change.moment, item["price"]["currency"])
    return build_proration_line(world, invoice, item, amount, (change.moment, end), discounts=list(change.discounts))


def net_prices(world: World, change: ItemChange) -> list[int]:
    """The price of each item for a whole period after discounts, which are spread over all items as on an invoice."""
    kept = discounts.in_force(world, change.discounts, change.moment)
    return totals.after_discounts(world, [(amount_of(item), item["price"]["currency"]) for item in change.after], kept)


def add_pending_items(world: World, subscription: Obj, lines: list[Obj]) -> None:
    """Record the lines as invoice items for the next invoice."""
    for line in lines:
        ident = line["parent"]["subscription_item_details"]["subscription_item"]
        details = {"subscription": subscription["id"], "subscription_item": ident}
        names = ("description", "discountable", "discounts", "period", "pricing", "quantity", "quantity_decimal")
        more = {name: line[name] for name in (*names, "_credits", "_tax_rates") if name in line}
        credited = line["parent"]["subscription_item_details"]["proration_details"]["credited_items"]
        item = invoice_shape.invoice_item(
            world.new_id("ii"),
            world.now(),
            customer=subscription["customer"],
            amount=line["amount"],
            currency=line["currency"],
            proration=True,
            proration_details={"credited_items": _credited_by_item(line, credited), "discount_amounts": []},
            parent={"subscription_details": details, "type": "subscription_details"},
            _credited_items=credited,
            **more,
        )
        world.emit("invoiceitem.created", world.add(item))


def _credited(change: ItemChange) -> list[Obj]:
    """The items of which something is taken back: all where a new period begins."""
    after = {item["id"]: item for item in change.after}
    return [
        item
        for item in change.before
        if change.fresh or item["id"] not in after or _is_different(item, after[item["id"]])
    ]


def _is_new(change: ItemChange, item: Obj) -> bool:
    old = {row["id"]: row for row in change.before}
    return item["id"] not in old or _is_different(old[item["id"]], item)


def _is_different(first: Obj, second: Obj) -> bool:
    return bool(first["price"]["id"] != second["price"]["id"] or first.get("quantity") != second.get("quantity"))


def _credited_lines(debit: Debit) -> Obj | None:
    """The invoice and line that a credit names; none while the debit itself waits for an invoice."""
    if debit.invoice is None:
        return None
    return {"invoice": debit.invoice, "invoice_line_items": [debit.source["id"]]}


def _credited_by_item(line: Obj, credited: Obj | None) -> Obj | None:
    """What an invoice item names: the lines of an invoice, or another item that waits."""
    if "_credits" not in line:
        return None
    if credited is None:
        return {"invoice_item": line["_credits"], "type": "invoice_item"}
    return {"invoice_line_item_details": credited, "type": "invoice_line_items"}
