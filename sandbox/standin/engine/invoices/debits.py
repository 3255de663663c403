"""What was billed to a subscription's item, and what of it has not been credited yet.

In flexible billing mode a credit is for what was really billed: each original debit for itself, after its discounts,
with its tax rates (https://docs.stripe.com/billing/subscriptions/billing-mode/compare). An unpaid debit counts, since
Stripe takes it that it will be paid. Our assumptions: that of a void invoice does not, and credit notes change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sandbox.standin.engine import proration
from sandbox.standin.engine.invoices import taxes
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


@dataclass(frozen=True, slots=True)
class Debit:
    """A line, or an invoice item that waits: `net` for [start, end), of which [`until`, end) has been credited."""

    source: Obj
    invoice: str | None
    net: int
    start: int
    end: int
    until: int
    tax_rates: tuple[str, ...]

    @property
    def key(self) -> str:
        """What a credit names: the invoice item's id, else the line's."""
        return _key(self.source)

    def credit(self, moment: int) -> tuple[int, tuple[int, int]]:
        """The amount, above zero, and the time that are taken back from `moment` on."""
        start = max(moment, self.start)
        amount = Fraction(self.net * (self.until - start), self.end - self.start)
        return proration.rounded(amount, self.source["currency"]), (start, self.until)


def list_open(world: World, subscription: Obj, item: str, moment: int) -> list[Debit]:
    """The debits of an item for time after `moment` that has not been credited, the earliest first."""
    billed = list(_billed(world, subscription, item))
    found = []
    for source, invoice in billed:
        start, end = source["period"]["start"], source["period"]["end"]
        credited = [row["period"]["start"] for row, _ in billed if row.get("_credits") == _key(source)]
        until, amount = min([end, *credited]), _net(source)
        if amount > 0 and until > max(moment, start):
            found.append(Debit(source, invoice, amount, start, end, until, _rates(subscription, source)))
    return sorted(found, key=lambda debit: debit.start)


def _billed(world: World, subscription: Obj, item: str) -> Iterator[tuple[Obj, str | None]]:
    """The item's lines and invoice items with their invoice, oldest first; without those of void invoices.

    The invoice of a change that awaits its payment counts as void: the next change takes its place.
    """
    waits = subscription.get("_pending", {}).get("invoice")
    invoices = world.all("invoice", customer=subscription["customer"])
    valid = [row for row in invoices if row["status"] != "void" and row["id"] != waits]
    lines: dict[str, Obj] = {}
    for invoice in reversed(valid):
        for line in invoice["lines"]["data"]:
            parent = line["parent"] or {}
            if (parent.get("subscription_item_details") or {}).get("subscription_item") == item:
                yield line, invoice["id"]
            if (details := parent.get("invoice_item_details")) is not None:
                lines[details["invoice_item"]] = line
    known = {row["id"] for row in valid}
    for row in reversed(world.all("invoiceitem", customer=subscription["customer"])):
        details = (row["parent"] or {}).get("subscription_details") or {}
        if details.get("subscription_item") == item and row["invoice"] in {None, *known}:
            yield lines.get(row["id"], row), row["invoice"]


def _key(source: Obj) -> str:
    details = (source["parent"] or {}).get("invoice_item_details") or {}
    return str(details.get("invoice_item") or source["id"])


def _net(source: Obj) -> int:
    return taxes.net(source) if source["object"] == "line_item" else int(source["amount"])


def _rates(subscription: Obj, source: Obj) -> tuple[str, ...]:
    if source["object"] == "line_item":
        return tuple(part["tax_rate_details"]["tax_rate"] for part in source["taxes"])
    return tuple(rate["id"] for rate in subscription["default_tax_rates"])
