"""Puts what an organisation owes on invoices of ours: fees in advance, usage in arrears, and what waited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.models import Org
from app.billing_runs.choose import choose_lines
from app.billing_runs.fees import write_fee_lines
from app.billing_runs.wording import describe_lines
from app.invoices import queries
from app.invoices.models import FEE, OFFLINE, InvoiceLine
from app.invoices.offline.issue import InvoiceText, issue_invoice
from app.invoices.offline.models import IssuedInvoice
from app.invoices.parties import build_buyer, build_seller
from app.invoices.service import InvoiceOpening, add_lines, make_invoice
from app.kit.actor import SYSTEM, Actor
from app.kit.money import plain
from app.payments import queries as payments
from app.subscriptions import queries as subscriptions
from app.subscriptions.periods import lock_usage
from app.web.runtime import runtime


def issue_waiting(
    session: Session, org_id: UUID, boundary_at: datetime, now: datetime, *, grace: timedelta, actor: Actor = SYSTEM
) -> list[IssuedInvoice]:
    """Invoice all that an org owes by now and that is on no invoice: one invoice a currency.

    Under the org's usage lock: of two that do this at once, one finds the lines. What Stripe will bill is left to it.
    """
    lock_usage(session, org_id)
    write_fee_lines(session, org_id, now, grace)
    issued = []
    for currency, lines in groupby(list_invoiceable(session, org_id), key=lambda line: line.currency):
        if chosen := choose_lines(list(lines)):
            invoice = make_invoice(session, InvoiceOpening(org_id, OFFLINE, currency, boundary_at), now)
            add_lines(session, invoice, chosen)
            text = _write_text(session, accounts.get_org(session, org_id), chosen)
            issued.append(issue_invoice(session, invoice, text, actor=actor, now=now))
    return issued


def list_invoiceable(session: Session, org_id: UUID) -> list[InvoiceLine]:
    """List the waiting lines that an invoice of ours takes, by currency.

    While Stripe collects, that is fees, and what is in a currency that the org has left: Stripe charges a customer in
    one currency.
    """
    waiting = queries.list_all_waiting_lines(session, org_id)
    if payments.find_open_subscription(session, org_id) is None:
        return waiting
    running = subscriptions.find_subscription(session, org_id)
    paid_in = running.currency if running is not None else None
    return [line for line in waiting if line.kind == FEE or (paid_in and line.currency != paid_in)]


def _write_text(session: Session, org: Org, charged: Sequence[InvoiceLine]) -> InvoiceText:
    settings, contact = runtime().settings, accounts.find_billing_contact(session, org.id)
    lines = list(_with_free_usage(session, org.id, charged))
    words = describe_lines(session, org.id, lines)
    return InvoiceText(
        series=settings.invoice_series,
        time_zone=org.time_zone,
        seller=build_seller(settings),
        buyer=build_buyer(contact),
        bank=settings.seller_bank,
        order_number=contact.order_number,
        note=contact.invoice_note,
        lines=[_write_line(line, description) for line, description in zip(lines, words, strict=True)],
    )


def _with_free_usage(session: Session, org_id: UUID, charged: Sequence[InvoiceLine]) -> Iterator[InvoiceLine]:
    """The lines of an invoice, with the usage of the same periods that costs nothing."""
    yield from charged
    known = {line.id for line in charged}
    for start in sorted({line.period_start for line in charged if line.kind != FEE}):
        for line in queries.list_period_lines(session, org_id, start):
            if line.amount == 0 and line.quantity and line.id not in known:
                yield line


def _write_line(line: InvoiceLine, description: str) -> dict[str, Any]:
    return {
        "line_id": str(line.id),
        "kind": line.kind,
        "description": description,
        "quantity": plain(line.quantity),
        "period_start": line.period_start.isoformat(),
        "period_end": line.period_end.isoformat(),
        "amount": line.amount,
    }
