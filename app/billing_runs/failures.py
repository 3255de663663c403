"""Notes why the close of a period failed, for the report and for the keys of the next attempt; reopens one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.billing_runs.models import PeriodClose
from app.kit.errors import DomainError
from app.stripe_gateway.errors import StripeAway
from app.subscriptions import queries
from app.subscriptions.close import PeriodKey
from app.web.database import discard_failed_transaction, transaction


def note_failure(key: PeriodKey, error: Exception, now: datetime) -> None:
    """Note a failure on the period's close. Opens its own transaction."""
    discard_failed_transaction()
    with transaction() as session:
        close = session.get(PeriodClose, key, populate_existing=True)
        if close is None:
            period = queries.find_period(session, *key)
            if period is None:
                return
            close = PeriodClose(
                org_id=key.org_id, period_start=key.starts_at, period_end=period.ends_at, failures=0, replays=0
            )
            session.add(close)
        close.failures += 1
        close.replays += isinstance(error, StripeAway) and error.replayed
        close.failed_at = now
        close.error = error.detail if isinstance(error, DomainError) else type(error).__name__


def reopen_close(session: Session, org_id: UUID, boundary_at: datetime) -> None:
    """Let the close of the period that ended then be billed again: what it was billed by is gone."""
    ended = (PeriodClose.org_id == org_id, PeriodClose.period_end == boundary_at)
    session.execute(update(PeriodClose).where(*ended).values(billed_at=None))
