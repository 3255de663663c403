"""Revenue: what was paid of invoice lines, when it was paid, less what was given back. Without tax, not spread. Pure.

A document is settled by what moves money towards it, or back: payments, credit that was kept from a credit note,
refunds, credit notes on what had been paid. What is settled is shared among its lines by their amounts after discounts,
rounded so that the lines add up to it: a document that is paid in full comes to its total without tax, to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import accumulate, pairwise
from uuid import UUID

from app.kit.money import round_fraction


@dataclass(frozen=True, slots=True)
class PaidLine:
    """A line: `amount` after discounts, in minor units; its period begins at `at`. `usage`: overage, not a fee."""

    amount: int
    at: datetime
    usage: bool


@dataclass(frozen=True, slots=True)
class SettledPart:
    """What settled a document at an instant: above zero if it was paid, below if it was given back."""

    at: datetime
    amount: int


@dataclass(frozen=True, slots=True)
class PaidDocument:
    """An invoice with what settled it. `total` includes `tax`. Without lines: credit given by hand."""

    org_id: UUID
    currency: str
    total: int
    tax: int
    lines: tuple[PaidLine, ...]
    settled: tuple[SettledPart, ...]


@dataclass(frozen=True, slots=True)
class RevenueEntry:
    """Revenue at an instant, of a line whose period begins at `line_at`. `usage` None: of no line."""

    org_id: UUID
    currency: str
    at: datetime
    amount: int
    usage: bool | None
    line_at: datetime | None


def list_entries(document: PaidDocument) -> Iterator[RevenueEntry]:
    """The revenue that each settlement of a document brought, line by line; what comes to nothing is left out.

    More than the total is no revenue of these lines: it paid what was owed from before.

    Worked example: a fee of 49.00 and overage of 10.00, with tax, paid in full on 1 November: 49.00 and 10.00 then;
    half of it refunded on the 9th: -24.50 and -5.00.
    """
    org, currency = document.org_id, document.currency
    if not document.lines:
        yield from (RevenueEntry(org, currency, part.at, part.amount, None, None) for part in document.settled)
        return
    upto, done, settled = list(accumulate(share_total(document))), [0] * len(document.lines), 0
    for part in sorted(document.settled, key=lambda each: each.at):
        settled += part.amount
        paid = _share(settled, document.total)
        reached = [0, *(round_fraction(net * paid) for net in upto)]
        for index, line in enumerate(document.lines):
            now = reached[index + 1] - reached[index]
            if now != done[index]:
                yield RevenueEntry(org, currency, part.at, now - done[index], line.usage, line.at)
                done[index] = now


def _share(settled: int, total: int) -> Fraction:
    """How much of a total is settled: from nothing to all of it."""
    return Fraction(min(max(settled, 0), total), total) if total > 0 else Fraction(0)


def share_total(document: PaidDocument) -> Sequence[int]:
    """What each line is of the total without tax; rounding goes to the lines that follow, so that they add up to it."""
    whole, net = sum(line.amount for line in document.lines), document.total - document.tax
    upto = [0]
    sums = accumulate(line.amount for line in document.lines)
    upto += [round_fraction(Fraction(net * seen, whole)) if whole else 0 for seen in sums]
    return [after - before for before, after in pairwise(upto)]
