"""A billing run: holds renewal drafts, rates what has ended, bills it, and issues credit notes.

One org's failure stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.billing_runs import credit, queries
from app.billing_runs.bill import bill_period, finish_unbillable
from app.billing_runs.closing.lanes import Lanes, rate_here
from app.billing_runs.closing.rate import rate_periods
from app.billing_runs.failures import note_failure
from app.billing_runs.fees import list_fees_due
from app.billing_runs.offline import issue_waiting
from app.billing_runs.renewals import hold_renewal, list_ended
from app.invoices.credit_notes import list_pending
from app.kit.errors import Conflict, DomainError
from app.stripe_gateway import Gateway
from app.subscriptions.close import PeriodKey, list_due
from app.web.database import transaction

MOST = 500
"""Periods a run that are billed; the rest follow a minute later."""
DUE = 2_000
"""Periods a run that are rated."""

log = structlog.get_logger()


@dataclass(slots=True)
class RunReport:
    """What a run did: the periods it rated and finished, those that wait, and errors by period.

    `invoiced` are the orgs that it invoiced for a billing period apart from a close; errors of those are keyed by when.
    Credit notes likewise.
    """

    rated: list[PeriodKey] = field(default_factory=list)
    billed: list[PeriodKey] = field(default_factory=list)
    invoiced: list[UUID] = field(default_factory=list)
    waiting: dict[PeriodKey, str] = field(default_factory=dict)
    errors: dict[PeriodKey, str] = field(default_factory=dict)
    credited: list[UUID] = field(default_factory=list)
    credit_errors: dict[UUID, str] = field(default_factory=dict)

    @property
    def orgs(self) -> set[UUID]:
        """The orgs of which something was rated or billed."""
        return {key.org_id for key in (*self.rated, *self.billed)} | {*self.invoiced}


def run_billing(
    gw: Gateway | None, now: datetime, grace: timedelta, org_id: UUID | None = None, lanes: Lanes | None = None
) -> RunReport:
    """Close all periods that are due, or those of one org. Any order and number of runs come to the same.

    Opens its own transactions: one to rate a period, some to bill it. Without a gateway, what Stripe collects is rated
    and waits. `lanes` rate side by side what is many.
    """
    report = RunReport()
    if gw is not None:
        with transaction() as session:
            ended = list_ended(session, now, MOST, org_id)
        for key, period in ended:
            _attempt(report, key, partial(hold_renewal, gw, key, period, now), now)
    with transaction() as session:
        due = list_due(session, now, grace, DUE, org_id)
    _rate(report, due, now, lanes)
    with transaction() as session:
        report.billed += finish_unbillable(session, now, org_id)
        rated = queries.list_unbilled(session, MOST, org_id)
    for key in rated:
        if _attempt(report, key, partial(bill_period, gw, key, now, grace), now):
            report.billed.append(key)
    with transaction() as session:
        fees = list_fees_due(session, now, grace, MOST, org_id)
    for each in fees:
        if _attempt(report, PeriodKey(each, now), partial(_invoice_fees, each, now, grace), now):
            report.invoiced.append(each)
    with transaction() as session:
        pending = list_pending(session, MOST, org_id)
    for owner, note_id in pending:
        _issue_note(report, gw, owner, note_id, now)
    return report


def _issue_note(report: RunReport, gw: Gateway | None, org_id: UUID, note_id: UUID, now: datetime) -> None:
    """Issue a credit note; note and log a failure. `Conflict` waits for a later run, and says why."""
    try:
        if credit.issue_note(gw, org_id, note_id, now):
            report.credited.append(note_id)
    except (DomainError, SQLAlchemyError) as error:
        credit.note_failure(org_id, note_id, error)
        if not isinstance(error, Conflict):
            report.credit_errors[note_id] = error.detail if isinstance(error, DomainError) else type(error).__name__
            log.warning(
                "a credit note failed; will retry in the next run", org_id=str(org_id), note=str(note_id),
                error=type(error).__name__,
            )  # fmt: skip


def _invoice_fees(org_id: UUID, now: datetime, grace: timedelta) -> None:
    with transaction() as session:
        issue_waiting(session, org_id, now, now, grace=grace)


def _rate(report: RunReport, keys: Sequence[PeriodKey], now: datetime, lanes: Lanes | None) -> None:
    """Rate periods together; those whose org is busy, and all of a transaction that failed, one by one."""
    if len(keys) > 1:
        done = lanes.rate(keys, now) if lanes and len(keys) >= lanes.many else rate_here(transaction, keys, now)
        report.rated += done.closed
        report.waiting.update(done.waiting)
        settled = {*done.closed, *done.waiting}
        keys = [key for key in keys if key not in settled]
    for key in keys:
        _attempt(report, key, partial(_rate_alone, report, key, now), now)


def _rate_alone(report: RunReport, key: PeriodKey, now: datetime) -> None:
    with transaction() as session:
        done = rate_periods(session, [key], now, wait=True)
    report.rated += done.closed
    report.waiting.update(done.waiting)


def _attempt(report: RunReport, key: PeriodKey, work: Callable[[], object], now: datetime) -> bool:
    """Do one period's work; note and log a failure. `Conflict` is no failure: the period waits for a later run."""
    try:
        work()
    except Conflict as wait:
        report.waiting[key] = wait.detail
    except (DomainError, SQLAlchemyError) as error:
        report.errors[key] = error.detail if isinstance(error, DomainError) else type(error).__name__
        note_failure(key, error, now)
        log.warning(
            "billing a period failed; will retry in the next run", org_id=str(key.org_id),
            period=key.starts_at.isoformat(), error=type(error).__name__,
        )  # fmt: skip
    else:
        return True
    return False
