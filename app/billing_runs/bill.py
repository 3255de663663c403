"""Bills a rated period: its lines go on Stripe's renewal draft, on an invoice that we make there, or on one of ours.

Each step is repeated safely: rows are written before the call that they stand for, and what is at Stripe already is
found by our ids in its metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.billing_runs import issue
from app.billing_runs.collector import NOBODY, STRIPE, Collector, find_collector
from app.billing_runs.models import PeriodClose
from app.billing_runs.renewals import find_and_hold
from app.invoices import queries
from app.invoices.models import MANUAL, OFFLINE, Invoice, InvoiceLine
from app.invoices.service import InvoiceOpening, add_lines, open_invoice
from app.kit.periods import Period
from app.payments.locks import org_turn
from app.stripe_gateway import Gateway
from app.stripe_gateway.invoice_items import smallest_charge
from app.subscriptions.close import PeriodKey
from app.subscriptions.periods import lock_usage
from app.web.database import transaction


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """What a rated period is to be billed by. `held` is the renewal draft, or an invoice begun before."""

    period: Period
    collector: Collector
    currency: str
    total: int
    held: bool
    replays: int


def bill_period(gw: Gateway | None, key: PeriodKey, now: datetime) -> None:
    """Bill a rated period. Idempotent; raises what keeps it from being finished, to be tried again.

    Opens its own transactions. Without a gateway only what needs no Stripe is billed.
    """
    with transaction() as session:
        due = _load_due(session, key)
        if due is None:
            return
        if due.collector.how != STRIPE:
            _bill_here(session, key, due, now)
            return
    if gw is None:
        return
    with org_turn(gw, key.org_id):
        draft = _place_lines(gw, key, due, now)
        if draft is not None:
            issue.issue_draft(gw, draft, due.collector, now, attempt=due.replays)
    with transaction() as session:
        _mark_billed(session, key, now)


def _load_due(session: Session, key: PeriodKey) -> RatedPeriod | None:
    close = session.get(PeriodClose, key, populate_existing=True)
    if close is None or close.rated_at is None or close.billed_at is not None:
        return None
    period = Period(close.period_start, close.period_end)
    currency = _find_currency(session, key)
    held = queries.find_boundary_draft(session, key.org_id, period.end)
    waiting = choose_lines(queries.list_waiting_lines(session, key.org_id, currency, key.starts_at), _get_fee(held))
    lines = waiting or (queries.list_invoice_lines(session, key.org_id, held.id) if held else [])
    collector = find_collector(session, key.org_id, period)
    if lines and collector.how == NOBODY:  # late usage of when somebody did
        collector = find_collector(session, key.org_id, Period(lines[0].period_start, lines[0].period_end))
    total = sum(line.amount for line in waiting)
    return RatedPeriod(period, collector, currency, total, held is not None, close.replays)


def choose_lines(waiting: Sequence[InvoiceLine], fee: int = 0) -> list[InvoiceLine]:
    """Choose the waiting lines for an invoice: those above zero, and those below as long as the sum is not negative.

    `fee` is what the invoice's other lines come to. A negative line that is more waits; the next close credits it.
    """
    chosen = [line for line in waiting if line.amount > 0]
    room = fee + sum(line.amount for line in chosen)
    for line in waiting:
        if line.amount < 0 <= room + line.amount:
            chosen.append(line)
            room += line.amount
    return chosen


def _get_fee(draft: Invoice | None) -> int:
    """What the lines of a held renewal come to beside ours."""
    return draft.other_amount or 0 if draft is not None else 0


def _find_currency(session: Session, key: PeriodKey) -> str:
    lines = queries.list_period_lines(session, *key)
    return lines[0].currency if lines else "USD"


def _bill_here(session: Session, key: PeriodKey, due: RatedPeriod, now: datetime) -> None:
    """What nobody collects has no amount; what we collect ourselves goes on an invoice of ours.

    Under the usage lock: of two runs, one finds the lines.
    """
    lock_usage(session, key.org_id)
    waiting = choose_lines(queries.list_waiting_lines(session, key.org_id, due.currency, key.starts_at))
    if waiting and due.collector.how != NOBODY:
        opening = InvoiceOpening(key.org_id, OFFLINE, due.currency, due.period.end)
        add_lines(session, open_invoice(session, opening, now), waiting)
    _mark_billed(session, key, now)


def _place_lines(gw: Gateway, key: PeriodKey, due: RatedPeriod, now: datetime) -> issue.Draft | None:
    """Put the waiting lines on the renewal draft, or on an invoice of their own if they come to enough for one."""
    if not due.held and find_and_hold(gw, key, due.period, due.collector, now) is None and not due.total:
        return None
    with transaction() as session:
        invoice = queries.find_boundary_draft(session, key.org_id, due.period.end)
        found = queries.list_waiting_lines(session, key.org_id, due.currency, key.starts_at)
        waiting = choose_lines(found, _get_fee(invoice))
        if invoice is None:
            if sum(line.amount for line in waiting) < smallest_charge(due.currency):
                return None  # they wait for the next invoice
            opening = InvoiceOpening(key.org_id, MANUAL, due.currency, due.period.end)
            invoice = open_invoice(session, opening, now)
        if invoice.currency == due.currency:
            add_lines(session, invoice, waiting)
        return issue.Draft.of(invoice)


def _mark_billed(session: Session, key: PeriodKey, now: datetime) -> None:
    close = session.get(PeriodClose, key, populate_existing=True)
    if close is not None and close.billed_at is None:
        close.billed_at, close.error = now, None
