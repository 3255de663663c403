"""Settles drafts that outlived their close: of subscriptions that were unpaid or paused, or after a crash."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.billing_runs.collector import find_collector
from app.billing_runs.issue import Draft, issue_draft
from app.billing_runs.renewals import GIVE_UP
from app.invoices.models import Invoice
from app.invoices.queries import list_drafts, list_invoice_lines
from app.invoices.service import finalize
from app.kit.errors import DomainError
from app.kit.periods import Period
from app.payments import queries as payments
from app.payments.locks import org_turn
from app.stripe_gateway import Gateway
from app.web.database import discard_failed_transaction, transaction

MOST = 200
_LAST = timedelta(microseconds=1)

log = structlog.get_logger()


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
    for overdue in late:
        try:
            _issue(gw, overdue, now, final=overdue.stripe_id in final)
        except (DomainError, SQLAlchemyError) as error:
            discard_failed_transaction()
            log.warning("draft not issued; will retry", invoice=str(overdue.id), error=type(error).__name__)


def _is_sent(session: Session, draft: Invoice) -> bool:
    return all(line.stripe_item_id for line in list_invoice_lines(session, draft.org_id, draft.id))


def _issue(gw: Gateway, draft: Draft, now: datetime, *, final: bool) -> None:
    with transaction() as session:
        span = Period(draft.boundary_at - _LAST, draft.boundary_at)
        collector = find_collector(session, draft.org_id, span)
    if collector.finalizes or final:
        with org_turn(gw, draft.org_id):
            issue_draft(gw, draft, collector, now, attempt=0)
