"""Rates a usage period that has ended, for good: its mark, its terms and one line a meter, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.billing_runs.before_change import find_before_change_line
from app.billing_runs.late import find_late_lines
from app.billing_runs.lines import state_line
from app.billing_runs.models import PeriodClose
from app.billing_runs.rests import Closing, write_differences
from app.invoices.service import write_lines
from app.kit.errors import Conflict
from app.kit.periods import Period
from app.metering.verification.close_mark import take_mark
from app.statements import queries as statements
from app.subscriptions.close import PeriodKey, close_period, prepare_close

_INSTANT = timedelta(microseconds=1)


def rate_period(session: Session, key: PeriodKey, now: datetime) -> PeriodClose | None:
    """Close a usage period: write its lines, and let neither its end nor its terms change again.

    None if that is done already, or the period is gone. Raises `Conflict` if it must wait: for a transaction that may
    still hold some of its events, or for counters that a moved boundary left unsettled.
    """
    period = prepare_close(session, key, now)
    if period is None:
        return None
    span = Period(period.starts_at, period.ends_at)
    mark = take_mark(session, key.org_id, span)
    if mark.waits_for is not None:
        raise Conflict(f"The period waits for {mark.waits_for}.")
    rows = statements.list_period_rows(session, key.org_id, span.start, span.start + _INSTANT)
    lines = [state_line(row) for row in rows if row.meter_id is not None]
    before = find_before_change_line(session, key.org_id, rows, sum(line.amount for line in lines))
    lines += [before] if before else []
    write_lines(session, key.org_id, lines, now)
    closing = Closing(key.org_id, span, rows[0].currency)
    write_differences(session, closing, list(find_late_lines(session, key.org_id)), now)
    close = session.get(PeriodClose, key) or PeriodClose(org_id=key.org_id, period_start=span.start)
    close.period_end, close.rated_at, close.error = span.end, now, None
    close.mark, close.cluster = mark.mark, mark.cluster
    session.add(close)
    close_period(session, period, now)
    return close
