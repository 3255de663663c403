"""Places differences below zero: on the next invoice as far as its other lines cover them, else on a credit note.

The next invoice is that of the close which finds the difference. What it cannot cover, and all of it where nobody
collects any more, is credited on the invoices that billed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.billing_runs.collector import NOBODY, find_collector
from app.invoices import queries
from app.invoices.credit_notes import list_creditable, open_note
from app.invoices.discounts import share_credited
from app.invoices.models import InvoiceLine
from app.invoices.service import LineCredit, LineFacts, write_lines
from app.kit.money import ZERO
from app.kit.periods import Period

_PLACES = Decimal("0.000001")


class PlacedPart(NamedTuple):
    """A part of a difference, in minor units above zero, and the line it is taken off; None: the next invoice's.

    `discount` is the part of that line's discount that goes with it, which is not given back.
    """

    amount: int
    original: Row[Any] | None
    discount: int = 0


@dataclass(frozen=True, slots=True)
class Closing:
    """The period that is being closed, and the currency of its invoice."""

    org_id: UUID
    period: Period
    currency: str


def write_differences(
    session: Session, closing: Closing, differences: Sequence[LineFacts], now: datetime
) -> list[LineFacts]:
    """Write the differences of closed periods as lines, and return them; the caller holds the org's usage lock.

    The closed period's own lines are written already.
    """
    lines = [line for line in differences if line.amount >= 0]
    write_lines(session, {closing.org_id: lines}, now)
    placing = _Placing(session, closing)
    placing.credit_stuck(now)
    split = [(line, placing.divide(line)) for line in differences if line.amount < 0]
    notes = placing.open_notes([part for _, parts in split for part in parts], now)
    rest = [part for line, parts in split for part in _split(line, parts, notes)]
    write_lines(session, {closing.org_id: rest}, now)
    return [*lines, *rest]


class _Placing:
    """What the next invoice has room for, and what each original line and its invoice can still be credited."""

    def __init__(self, session: Session, closing: Closing) -> None:
        self.session, self.closing = session, closing
        self.waiting = queries.list_waiting_lines(session, closing.org_id, closing.currency, until=closing.period.start)
        draft = queries.find_boundary_draft(session, closing.org_id, closing.period.end)
        fee = draft.other_amount or 0 if draft is not None and draft.currency == closing.currency else 0
        left = find_collector(session, closing.org_id, closing.period).how == NOBODY
        self.room = 0 if left else fee + sum(line.amount for line in self.waiting)
        self.collects = not left
        self._credited: dict[UUID, int] = defaultdict(int)

    def divide(self, line: LineFacts) -> list[PlacedPart]:
        """Divide a difference into what the next invoice takes and what is credited."""
        rest = -line.amount
        taken = min(rest, max(0, self.room)) if line.currency == self.closing.currency else 0
        parts = list(self._credit(line.period.start, line.meter_id, rest - taken))
        taken = rest - sum(part.amount for part in parts)  # what no invoice can be credited waits
        self.room -= taken
        return [PlacedPart(taken, None), *parts] if taken else parts

    def credit_stuck(self, now: datetime) -> None:
        """Credit waiting lines below zero that no invoice has room for any more, where one original takes them."""
        uncovered = self.room if self.collects else sum(line.amount for line in self.waiting)
        for line in reversed(self.waiting):
            if line.amount >= 0 or uncovered >= 0:
                continue
            parts = self._fit(line)
            if parts:
                uncovered -= line.amount
                self.room -= line.amount if self.collects else 0
                notes = self.open_notes(parts, now)
                [original] = [part.original for part in parts if part.original is not None]
                line.credit_note_id, line.credits_line_id = notes[original.invoice_id], original.id
                line.discount = -parts[0].discount
                self.session.flush()
                self._credited.clear()  # it is in the books

    def open_notes(self, parts: Sequence[PlacedPart], now: datetime) -> dict[UUID, UUID]:
        """Open one note for each invoice that the parts credit; returns their ids by invoice."""
        sums: dict[UUID, int] = defaultdict(int)
        for part in parts:
            if part.original is not None:
                sums[part.original.invoice_id] += part.amount - part.discount
        return {
            invoice_id: open_note(
                self.session, queries.get_invoice(self.session, self.closing.org_id, invoice_id), amount, now
            )
            for invoice_id, amount in sums.items()
        }

    def _fit(self, line: InvoiceLine) -> list[PlacedPart]:
        """The one original line that can be credited a whole line; empty if none can."""
        for original in list_creditable(self.session, self.closing.org_id, line.period_start, line.meter_id):
            if self._count_left(original) >= -line.amount and self._has_room(original, -line.amount):
                return [self._take(original, -line.amount)]
        return []

    def _credit(self, start: datetime, meter_id: int | None, rest: int) -> Iterator[PlacedPart]:
        if rest == 0:
            return
        for original in list_creditable(self.session, self.closing.org_id, start, meter_id):
            amount = min(rest, self._count_left(original))
            if amount > 0 and self._has_room(original, amount):
                rest -= amount
                yield self._take(original, amount)

    def _count_left(self, original: Row[Any]) -> int:
        """What is left of a line before its discount; without one, no more than its invoice can be credited."""
        left = int(original.remaining) - self._credited[original.id]
        return left if original.discount else min(left, self._count_room(original))

    def _count_room(self, original: Row[Any]) -> int:
        return int(original.remaining_of_invoice) - self._credited[original.invoice_id]

    def _has_room(self, original: Row[Any], amount: int) -> bool:
        """Whether its invoice can be credited what a discount leaves of an amount; there is no note of nothing."""
        return 0 < amount - self._share_discount(original, amount) <= self._count_room(original)

    def _share_discount(self, original: Row[Any], amount: int) -> int:
        """The part of a line's discount that goes with the next `amount` that is credited of it."""
        before = original.amount - int(original.remaining) + self._credited[original.id]
        until, gone = (
            share_credited(each, original.amount, original.discount, original.currency)
            for each in (before + amount, before)
        )
        return until - gone

    def _take(self, original: Row[Any], amount: int) -> PlacedPart:
        part = PlacedPart(amount, original, self._share_discount(original, amount))
        self._credited[original.id] += amount
        self._credited[original.invoice_id] += amount - part.discount
        return part


def _split(line: LineFacts, parts: Sequence[PlacedPart], notes: dict[UUID, UUID]) -> Iterator[LineFacts]:
    """Split a difference into lines that add up to it. Shares are rounded; the last takes what is left."""
    left = line
    for number, part in enumerate(parts, start=1):
        original, discount = part.original, -part.discount
        credit = LineCredit(notes[original.invoice_id], original.id, discount) if original else None
        last = number == len(parts)
        share = left if last else _share(left, line, part.amount)
        breakdown = {**line.breakdown, "apart": line.amount + part.amount} if len(parts) > 1 else line.breakdown
        yield share._replace(amount=-part.amount, breakdown=breakdown, credit=credit)
        if not last:
            left = left._replace(
                quantity=left.quantity - share.quantity,
                imported=ZERO,
                events=left.events - share.events,
                exact_amount=left.exact_amount - share.exact_amount,
            )


def _share(left: LineFacts, whole: LineFacts, amount: int) -> LineFacts:
    quantity = whole.quantity * amount / -whole.amount
    step = Decimal(1) if whole.quantity == whole.quantity.to_integral_value() else _PLACES
    return left._replace(
        quantity=quantity.quantize(step),
        events=whole.events * amount // -whole.amount,
        exact_amount=ZERO - amount,
    )
