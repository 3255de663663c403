"""Chooses which of the waiting lines an invoice takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.invoices.models import InvoiceLine


def choose_lines(waiting: Sequence[InvoiceLine]) -> list[InvoiceLine]:
    """Choose the waiting lines for an invoice: those above zero, and those below as long as the sum is not negative.

    A negative line that is more than the usage beside it waits for more.
    """
    chosen = [line for line in waiting if line.amount > 0]
    room = sum(line.amount for line in chosen)
    for line in waiting:
        if line.amount < 0 <= room + line.amount:
            chosen.append(line)
            room += line.amount
    return chosen
