"""Background tasks: close the usage periods that are due, and rehearse the running ones, by the business clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.billing_runs.closing.lanes import MANY, Lanes
from app.billing_runs.fees import find_next_fee
from app.billing_runs.rehearsal.night import NightReport, rehearse_night
from app.billing_runs.run import MOST, RunReport, run_billing
from app.billing_runs.settle import settle_drafts
from app.payments.gateway import get_gateway, payments_on
from app.subscriptions.close import find_next_close
from app.web.database import db
from app.web.runtime import business_now, runtime

RUN_SECONDS = 30.0


def close_due() -> int:
    """Close what is due, in runs until no more is or half a minute is over; returns how much was done."""
    until, done = time.monotonic() + RUN_SECONDS, 0
    with open_lanes() as lanes:
        while True:
            report = close_periods(lanes=lanes)
            found = len(report.rated), len(report.billed), len(report.invoiced), len(report.credited)
            done += sum(found)
            if max(found) < MOST or time.monotonic() >= until:
                return done


def open_lanes(many: int = MANY) -> Lanes:
    """Lanes on the app's database, with its limits."""
    return Lanes(db.engine.url.render_as_string(hide_password=False), runtime().settings.statement_limit, many)


def close_periods(org_id: UUID | None = None, lanes: Lanes | None = None) -> RunReport:
    """Close what is due, of one org or of all.

    Safe to repeat and to race: each period is rated under its org's usage lock, once.
    """
    gw = get_gateway() if payments_on() else None
    now = business_now()
    report = run_billing(gw, now, runtime().settings.close_grace, org_id, lanes)
    if gw is not None:
        settle_drafts(gw, now)
    return report


def rehearse_due() -> int:
    """Rehearse the periods that were not since the night began, for half a minute at most; returns how many.

    The sandbox's clock neither stops for it nor waits for it (decision 47): nothing follows from a rehearsal.
    """
    report = rehearse_periods()
    return report.rehearsed + report.failed


def rehearse_periods(org_id: UUID | None = None, seconds: float = RUN_SECONDS) -> NightReport:
    """Rehearse what is due, or one org's period whether it is due or not."""
    return rehearse_night(business_now(), seconds, org_id)


def _find_next_close(session: Session, after: datetime, until: datetime) -> datetime | None:
    return find_next_close(session, after, until, runtime().settings.close_grace)


def _find_next_fee(session: Session, after: datetime, until: datetime) -> datetime | None:
    return find_next_fee(session, after, until, runtime().settings.close_grace)


TASKS: dict[str, Callable[..., object]] = {"billing_runs.close": close_due, "rehearsals.run": rehearse_due}
SWEEPS = ("billing_runs.close",)
FALLING_DUE = (_find_next_close, _find_next_fee)
PERIODIC: list[tuple[str, str]] = [("* * * * *", "billing_runs.close"), ("*/5 * * * *", "rehearsals.run")]
# The second has a queue of its own, so that it takes no slot from billing.
