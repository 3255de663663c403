"""Background task: closes the usage periods that are due, every minute, by the business clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.billing_runs.run import MOST, RunReport, run_billing
from app.billing_runs.settle import settle_drafts
from app.payments.gateway import get_gateway, payments_on
from app.subscriptions.close import find_next_close
from app.web.runtime import business_now, runtime

RUN_SECONDS = 30.0


def close_due() -> int:
    """Close what is due, in runs until no more is or half a minute is over; returns how many it did."""
    until, done = time.monotonic() + RUN_SECONDS, 0
    while True:
        report = close_periods()
        done += len(report.rated) + len(report.billed) + len(report.credited)
        if max(len(report.rated), len(report.billed)) < MOST or time.monotonic() >= until:
            return done


def close_periods(org_id: UUID | None = None) -> RunReport:
    """Close what is due, of one org or of all.

    Safe to repeat and to race: each period is rated under its org's usage lock, once.
    """
    gw = get_gateway() if payments_on() else None
    now = business_now()
    report = run_billing(gw, now, runtime().settings.close_grace, org_id)
    if gw is not None:
        settle_drafts(gw, now)
    return report


def _find_next_close(session: Session, after: datetime, until: datetime) -> datetime | None:
    return find_next_close(session, after, until, runtime().settings.close_grace)


TASKS: dict[str, Callable[..., object]] = {"billing_runs.close": close_due}
SWEEPS = ("billing_runs.close",)
FALLING_DUE = (_find_next_close,)
PERIODIC: list[tuple[str, str]] = [("* * * * *", "billing_runs.close")]
