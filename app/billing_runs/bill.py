"""Bills a rated period: its lines go on Stripe's renewal draft, on an invoice that we make there, or on one of ours.

Each step is repeated safely: rows are written before the call that they stand for, and what is at Stripe already is
found by our ids in its metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs import issue
from app.billing_runs.choose import choose_lines
from app.billing_runs.collector import NOBODY, STRIPE, Collector, find_collector
from app.billing_runs.discounts import find_discounts
from app.billing_runs.models import PeriodClose
from app.billing_runs.offline import issue_waiting
from app.billing_runs.renewals import find_and_hold
from app.invoices import queries
from app.invoices.discounts import read_percentages
from app.invoices.models import MANUAL, Invoice
from app.invoices.service import InvoiceOpening, add_lines, open_invoice
from app.kit.periods import Period
from app.payments.locks import org_turn
from app.stripe_gateway import Gateway
from app.stripe_gateway.invoice_items import smallest_charge
from app.subscriptions.close import PeriodKey
from app.web.database import transaction

_FINISH = text("""
UPDATE period_closes close SET billed_at = :now, error = NULL
WHERE close.billed_at IS NULL AND close.rated_at IS NOT NULL
  AND (CAST(:org AS uuid) IS NULL OR close.org_id = :org)
  AND NOT EXISTS (SELECT FROM invoices_waiting waiting WHERE waiting.org_id = close.org_id)
  AND NOT EXISTS (SELECT FROM invoices_drafts draft
                  WHERE draft.org_id = close.org_id AND draft.boundary_at = close.period_end)
RETURNING close.org_id, close.period_start
""")


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """What a rated period is to be billed by. `held` is the renewal draft, or an invoice begun before."""

    period: Period
    collector: Collector
    currency: str
    total: int
    held: bool
    replays: int


def bill_period(gw: Gateway | None, key: PeriodKey, now: datetime, grace: timedelta) -> None:
    """Bill a rated period. Idempotent; raises what keeps it from being finished, to be tried again.

    Opens its own transactions. Without a gateway only what needs no Stripe is billed.
    """
    with transaction() as session:
        due = _load_due(session, key)
        if due is None:
            return
        if due.collector.how != STRIPE:
            _bill_here(session, key, due, now, grace)
            return
    if gw is None:
        return
    with org_turn(gw, key.org_id):
        draft = _place_lines(gw, key, due, now)
        if draft is not None:
            issue.issue_draft(gw, draft, due.collector, now, attempt=due.replays)
    with transaction() as session:
        _mark_billed(session, key, now)


def finish_unbillable(session: Session, now: datetime, org_id: UUID | None = None) -> list[PeriodKey]:
    """Be done with the rated periods that there is nothing to bill for: no line waits, and no draft is held."""
    return [PeriodKey(*row) for row in session.execute(_FINISH, {"now": now, "org": org_id})]


def _load_due(session: Session, key: PeriodKey) -> RatedPeriod | None:
    close = session.get(PeriodClose, key, populate_existing=True)
    if close is None or close.rated_at is None or close.billed_at is not None:
        return None
    period = Period(close.period_start, close.period_end)
    currency = _find_currency(session, key)
    held = queries.find_boundary_draft(session, key.org_id, period.end)
    waiting = choose_lines(queries.list_waiting_lines(session, key.org_id, currency, key.starts_at), fee=_get_fee(held))
    lines = waiting or (queries.list_invoice_lines(session, key.org_id, held.id) if held else [])
    collector = find_collector(session, key.org_id, period)
    if lines and collector.how == NOBODY:  # late usage of when somebody did
        collector = find_collector(session, key.org_id, Period(lines[0].period_start, lines[0].period_end))
    total = sum(line.amount for line in waiting)
    return RatedPeriod(period, collector, currency, total, held is not None, close.replays)


def _get_fee(draft: Invoice | None) -> int:
    """What the lines of a held renewal come to beside ours."""
    return draft.other_amount or 0 if draft is not None else 0


def _find_currency(session: Session, key: PeriodKey) -> str:
    lines = queries.list_period_lines(session, *key)
    return lines[0].currency if lines else "USD"


def _bill_here(session: Session, key: PeriodKey, due: RatedPeriod, now: datetime, grace: timedelta) -> None:
    """What nobody collects has no amount; what we collect ourselves goes on an invoice of ours."""
    if due.collector.how != NOBODY:
        issue_waiting(session, key.org_id, due.period.end, now, grace=grace)
    _mark_billed(session, key, now)


def _place_lines(gw: Gateway, key: PeriodKey, due: RatedPeriod, now: datetime) -> issue.Draft | None:
    """Put the waiting lines on the renewal draft, or on an invoice of their own if they come to enough for one."""
    if not due.held and find_and_hold(gw, key, due.period, due.collector, now) is None and not due.total:
        return None
    with transaction() as session:
        invoice = queries.find_boundary_draft(session, key.org_id, due.period.end)
        percentages = read_percentages(invoice.discounts) if invoice else due.collector.discounts
        waiting = queries.list_waiting_lines(session, key.org_id, due.currency, key.starts_at)
        discounts = find_discounts(session, key.org_id, waiting, percentages)
        chosen = choose_lines(waiting, discounts, fee=_get_fee(invoice))
        if invoice is None:
            if sum(line.amount - discounts.get(line.id, 0) for line in chosen) < smallest_charge(due.currency):
                return None  # they wait for the next invoice
            opening = InvoiceOpening(key.org_id, MANUAL, due.currency, due.period.end, discounts=percentages)
            invoice = open_invoice(session, opening, now)
        if invoice.currency == due.currency:
            add_lines(session, invoice, chosen, discounts)
        return issue.Draft.of(invoice)


def _mark_billed(session: Session, key: PeriodKey, now: datetime) -> None:
    close = session.get(PeriodClose, key, populate_existing=True)
    if close is not None and close.billed_at is None:
        close.billed_at, close.error = now, None
