"""Settles drafts that outlived their close: of subscriptions that were unpaid or paused, or after a crash."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.billing_runs.collector import find_collector
from app.billing_runs.issue import Draft, issue_draft
from app.billing_runs.renewals import GIVE_UP
from app.invoices.models import Invoice
from app.invoices.queries import list_drafts, list_invoice_lines
from app.invoices.service import finalize
from app.kit.periods import Period
from app.payments import queries as payments
from app.payments.locks import org_turn
from app.stripe_gateway import Gateway
from app.web.database import transaction
from app.web.sweeps import run_each

MOST = 200
_LAST = timedelta(microseconds=1)


def settle_drafts(gw: Gateway, now: datetime) -> None:
    """Mark the drafts final that Stripe has finalised, and finalise those older than six hours that may be.

    A draft is ours if we hold or made it; nobody else's is touched. Lines that are not on a final one wait again. Opens
    its own transactions.
    """
    with transaction() as session:
        drafts = list_drafts(session, MOST)
        final = payments.list_final_invoices(session, [each.stripe_invoice_id or "" for each in drafts])
        for draft in drafts:
            draft.looked_at = now
            if draft.stripe_invoice_id in final and _is_sent(session, draft):
                finalize(session, draft, now)
        left = [each for each in drafts if each.settled_at is None]
        late = [Draft.of(each) for each in left if each.stripe_invoice_id in final or each.opened_at <= now - GIVE_UP]
    run_each(late, lambda draft: _issue(gw, draft, now, final=draft.stripe_id in final), "draft not issued")


def _is_sent(session: Session, draft: Invoice) -> bool:
    return all(line.stripe_item_id for line in list_invoice_lines(session, draft.org_id, draft.id))


def _issue(gw: Gateway, draft: Draft, now: datetime, *, final: bool) -> None:
    with transaction() as session:
        span = Period(draft.boundary_at - _LAST, draft.boundary_at)
        collector = find_collector(session, draft.org_id, span)
    if collector.finalizes or final:
        with org_turn(gw, draft.org_id):
            issue_draft(gw, draft, collector, now, attempt=0)
