"""Verbs on invoices: write lines, open a draft, put lines on it, settle it. The caller opens transactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.invoices import queries
from app.invoices.discounts import PercentOff, store_percentages
from app.invoices.models import DRAFT, DROPPED, FINAL, USAGE, Invoice, InvoiceLine
from app.kit.ids import new_hex, new_id
from app.kit.periods import Period
from app.kit.postgres.copying import copy_rows, encode_field, escape

_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class InvoiceOpening:
    """What an invoice is for: the org's usage up to a boundary, in one currency; `stripe` is Stripe's renewal draft."""

    org_id: UUID
    kind: str
    currency: str
    boundary_at: datetime
    stripe: tuple[str, str] | None = None
    """The ids of the subscription and of the draft."""
    discounts: Sequence[PercentOff] = ()
    other_amount: int | None = None
    """What the draft's own lines come to, after discounts and before tax."""


def open_invoice(session: Session, opening: InvoiceOpening, now: datetime) -> Invoice:
    """Open the invoice that the close of a period fills, or return the one that is open. Idempotent."""
    known = queries.find_boundary_draft(session, opening.org_id, opening.boundary_at)
    if known is not None:
        return known
    return make_invoice(session, opening, now)


def make_invoice(session: Session, opening: InvoiceOpening, now: datetime) -> Invoice:
    """Make a draft, whatever others there are: the caller makes it final in the same transaction, or knows of none."""
    subscription_id, stripe_invoice_id = opening.stripe or (None, None)
    invoice = Invoice(
        id=new_id(),
        org_id=opening.org_id,
        kind=opening.kind,
        currency=opening.currency,
        state=DRAFT,
        stripe_subscription_id=subscription_id,
        stripe_invoice_id=stripe_invoice_id,
        other_amount=opening.other_amount,
        boundary_at=opening.boundary_at,
        opened_at=now,
        discounts=store_percentages(opening.discounts),
    )
    session.add(invoice)
    session.flush()
    return invoice


class LineCredit(NamedTuple):
    """A credit note, and the line of its invoice that it takes an amount off.

    `discount` is the part of that line's discount that goes with the amount, like it below zero.
    """

    note_id: UUID
    line_id: UUID
    discount: int


class LineFacts(NamedTuple):
    """What a meter's usage of a closed period comes to; see `models.InvoiceLine`."""

    meter_id: int | None
    period: Period
    plan_version_id: UUID
    quantity: Decimal
    imported: Decimal
    events: int
    currency: str
    exact_amount: Decimal
    amount: int
    reason: str | None
    terms: Mapping[str, Any]
    breakdown: Mapping[str, Any]
    kind: str = USAGE
    credit: LineCredit | None = None


_SEEN = text("SELECT pg_current_snapshot()::text")
_WRITE = """
COPY invoice_lines (id, org_id, kind, meter_id, period_start, period_end, plan_version_id, quantity, imported, events,
                    currency, exact_amount, amount, reason, terms, breakdown, written_at, seen, credit_note_id,
                    credits_line_id, discount) FROM STDIN
"""
_NO_CREDIT = "\\N\t\\N\t0"


def write_lines(session: Session, lines: Mapping[UUID, Sequence[LineFacts]], now: datetime) -> None:
    """Write the lines of periods that are being closed, by org; they wait for an invoice or have a credit note."""
    if any(lines.values()):
        copy_rows(session, _WRITE, _encode_rows(lines, str(now), session.scalar(_SEEN)))


def build_line(org_id: UUID, facts: LineFacts, now: datetime) -> InvoiceLine:
    """Build a line that is not stored yet."""
    named = facts._asdict()
    period, credit = named.pop("period"), named.pop("credit")
    return InvoiceLine(
        id=new_id(),
        org_id=org_id,
        period_start=period.start,
        period_end=period.end,
        written_at=now,
        credit_note_id=credit.note_id if credit else None,
        credits_line_id=credit.line_id if credit else None,
        discount=credit.discount if credit else 0,
        **named,
    )


def _encode_rows(lines: Mapping[UUID, Sequence[LineFacts]], now: str, seen: str | None) -> Iterator[str]:
    """The rows of `_WRITE`. What repeats is turned into text once: an org's id and period, terms that many share."""
    encode, write = cache(encode_field), cache(str)
    terms: dict[int, str] = {}
    for org_id, of in lines.items():
        org, known, span = org_id.hex, None, ""
        for (
            meter_id, period, plan_version_id, quantity, imported, events, currency, exact_amount, amount, reason,
            under, breakdown, kind, credit,
        ) in of:  # fmt: skip
            if period is not known:
                known, span = period, f"{write(period.start)}\t{write(period.end)}"
            written = terms.get(id(under))
            if written is None:
                written = terms[id(under)] = escape(_ENCODE(under).decode())
            yield (
                f"{new_hex()}\t{org}\t{encode(kind)}\t{encode(meter_id)}\t{span}\t{write(plan_version_id)}"
                f"\t{quantity!s}\t{imported!s}\t{events}\t{encode(currency)}\t{exact_amount!s}\t{amount}"
                f"\t{encode(reason)}\t{written}\t{escape(_ENCODE(breakdown).decode())}\t{now}\t{seen}"
                f"\t{_encode_credit(credit) if credit else _NO_CREDIT}"
            )


def _encode_credit(credit: LineCredit) -> str:
    return f"{credit.note_id}\t{credit.line_id}\t{credit.discount}"


def note_made(session: Session, org_id: UUID, invoice_id: UUID, stripe_invoice_id: str) -> None:
    """Note the id at Stripe of a draft that we made there."""
    queries.get_invoice(session, org_id, invoice_id).stripe_invoice_id = stripe_invoice_id


def note_sent(session: Session, line_id: UUID, stripe_item_id: str) -> None:
    """Note Stripe's item of a line."""
    session.execute(update(InvoiceLine).where(InvoiceLine.id == line_id).values(stripe_item_id=stripe_item_id))


def add_lines(
    session: Session, invoice: Invoice, lines: Iterable[InvoiceLine], discounts: Mapping[UUID, int] | None = None
) -> None:
    """Put waiting lines on a draft, each with what is taken off it."""
    for line in lines:
        line.invoice_id, line.discount = invoice.id, (discounts or {}).get(line.id, 0)
    session.flush()


def finalize(session: Session, invoice: Invoice, now: datetime) -> None:
    """Mark a draft final: its lines are billed. Does nothing to one that is final."""
    if invoice.state == FINAL:
        return
    invoice.state, invoice.settled_at = FINAL, now
    session.flush()


def release(session: Session, invoice: Invoice, there: Mapping[UUID, str], now: datetime) -> None:
    """Settle a draft that Stripe no longer lets us fill.

    `there` has Stripe's items by line: those are billed, and the invoice is final. The other lines wait for the next
    one; where none is there, the invoice is dropped.
    """
    if invoice.state != DRAFT:
        raise ValueError("only a draft can be released")
    lines = queries.list_invoice_lines(session, invoice.org_id, invoice.id)
    for line in lines:
        line.stripe_item_id = there.get(line.id)
        if line.stripe_item_id is None:
            line.invoice_id, line.discount = None, 0
    session.flush()  # while the invoice is a draft: what is final keeps its lines
    invoice.state = FINAL if any(line.invoice_id for line in lines) else DROPPED
    invoice.settled_at = now
    session.flush()
