"""Chooses which of the waiting lines an invoice takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.invoices.models import InvoiceLine


def choose_lines(
    waiting: Sequence[InvoiceLine], discounts: Mapping[UUID, int] | None = None, fee: int = 0
) -> list[InvoiceLine]:
    """Choose the waiting lines for an invoice: those above zero, and those below as long as the sum is not negative.

    What counts is what `discounts` leave of them; `fee` is what the invoice's other lines come to. A negative line that
    is more waits; the next close credits it.
    """
    left = {line.id: line.amount - (discounts or {}).get(line.id, 0) for line in waiting}
    chosen = [line for line in waiting if line.amount > 0]
    room = fee + sum(left[line.id] for line in chosen)
    for line in waiting:
        if line.amount < 0 <= room + left[line.id]:
            chosen.append(line)
            room += left[line.id]
    return chosen
