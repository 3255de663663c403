"""Builds the answers of the API of usage invoices. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.invoices.breakdown import Breakdown, read_breakdown, read_number
from app.invoices.models import FEE, LATE, CreditNote, Invoice
from app.invoices.offline.models import IssuedInvoice
from app.kit.money import ZERO, exponent, to_major
from app.payments.models import StripeInvoice
from app.payments.schemas import PlanHeld, Span
from app.portal.invoices.discounts import net_amount
from app.portal.invoices.explain.events import REASONS
from app.portal.invoices.explain.explanation import list_formula
from app.portal.invoices.lines import UsageLine
from app.portal.invoices.schemas import (
    CreditedLineOut,
    CreditNoteOut,
    ExplanationAnswer,
    InvoiceOut,
    LineEventOut,
    RatedBy,
    UsageLineOut,
)
from app.rating.bounds import MAXIMUM, MINIMUM
from app.rating.schemas import build_quote_line


def build_invoice_out(
    invoice: Invoice,
    lines: Sequence[UsageLine],
    remote: StripeInvoice | None,
    issued: IssuedInvoice | None = None,
    credited: Sequence[UsageLine] = (),
) -> InvoiceOut:
    """An invoice with its lines, and what Stripe says of it, or what it says if it is one of ours.

    `credited` are the lines of its credit notes.
    """
    due = issued.due if issued else remote.amount_remaining if remote else None
    document = issued or remote
    notes = {line.note.id: line.note for line in credited if line.note is not None}
    return InvoiceOut(
        id=str(invoice.id),
        kind=invoice.kind,  # type: ignore[arg-type]  # the table allows no other
        state=invoice.state,  # type: ignore[arg-type]  # dropped ones are never shown
        number=document.number if document else None,
        status=issued.state if issued else remote.status if remote else None,
        currency=invoice.currency,
        usage_amount=sum(line.row.amount for line in lines if line.row.kind != FEE),
        usage_discount=sum(line.row.discount for line in lines),
        total=document.total if document else None,
        amount_due=due,
        due_at=document.due_at if document else None,
        hosted_url=remote.hosted_url if remote else None,
        pdf_url=remote.pdf_url if remote else None,
        created_at=invoice.opened_at,
        lines=[build_line_out(line) for line in lines],
        credit_notes=[
            _build_note_out(note, [line for line in credited if line.note is note]) for note in notes.values()
        ],
    )


def _build_note_out(note: CreditNote, lines: Sequence[UsageLine]) -> CreditNoteOut:
    return CreditNoteOut(
        id=str(note.id),
        state=note.state,  # type: ignore[arg-type]  # dropped ones are never shown
        number=note.number,
        currency=note.currency,
        amount=note.amount,
        due_amount=note.due_amount,
        refund_amount=note.refund_amount,
        balance_amount=note.balance_amount,
        pdf_url=note.pdf_url,
        created_at=note.opened_at,
        issued_at=note.settled_at,
        lines=[
            CreditedLineOut(
                id=str(line.row.id),
                credits_line=str(line.row.credits_line_id),
                meter=line.meter.key if line.meter else None,
                name=line.name,
                period=Span(line.row.period_start, line.row.period_end),
                quantity=line.row.quantity,
                amount=-net_amount(line),
            )
            for line in lines
        ],
    )


def build_explanation_answer(line: UsageLine) -> ExplanationAnswer:
    """The explanation of a line of an invoice."""
    breakdown, row = read_breakdown(line.row.breakdown), line.row
    places = exponent(row.currency)
    return ExplanationAnswer(
        line=build_line_out(line),
        formula=list_formula(line, breakdown),
        units=breakdown.units if breakdown else ZERO,
        steps=[build_quote_line(tier, places) for tier in breakdown.tiers] if breakdown else [],
        minimum=_find_bound(breakdown, MINIMUM, places),
        maximum=_find_bound(breakdown, MAXIMUM, places),
        rated_by=_build_terms(line),
    )


def build_line_out(line: UsageLine) -> UsageLineOut:
    """A line, with what of it the allowance included."""
    row, breakdown = line.row, read_breakdown(line.row.breakdown)
    included = breakdown.included if breakdown else ZERO
    if row.kind == LATE:
        included = min(row.quantity, max(ZERO, included - (Decimal(row.breakdown["counted"]) - row.quantity)))
    return UsageLineOut(
        id=str(row.id),
        kind=row.kind,  # type: ignore[arg-type]  # the table allows no other
        meter=line.meter.key if line.meter else None,
        name=line.name,
        unit=line.unit or None,
        plan=PlanHeld(line.plan.key, line.plan.name, line.plan.number),
        period=Span(row.period_start, row.period_end),
        quantity=row.quantity,
        included=included,
        excess=row.quantity - included,
        imported=row.imported,
        events=row.events,
        amount=row.amount,
        discount=row.discount,
        net_amount=net_amount(line),
        exact_amount=to_major(row.exact_amount, exponent(row.currency)),
        currency=row.currency,
    )


def _find_bound(breakdown: Breakdown | None, kind: str, places: int) -> Decimal | None:
    bound = breakdown.bound if breakdown else None
    return to_major(bound.subtotal, places) if bound is not None and bound.kind == kind else None


def _build_terms(line: UsageLine) -> RatedBy:
    terms, charge = line.row.terms, line.charge
    return RatedBy(
        policy=terms.get("policy"),
        allowance=read_number(terms.get("allowance")),
        hard_limit=read_number(terms.get("hard_limit")),
        cap=read_number(terms.get("cap")),
        sources=terms.get("sources", {}),
        model=charge.model if charge else None,
        properties=dict(charge.properties) if charge else None,
    )


def build_line_event_out(event: Row[Any]) -> LineEventOut:
    """An event behind a line, and whether the line counts it."""
    reason = REASONS.get(event.standing)
    return LineEventOut(
        id=event.event_id,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        source=event.source,
        quantity=event.quantity,
        value=event.item,
        counted=reason is None,
        reason=reason,  # type: ignore[arg-type]  # one of those that the schema names
    )
