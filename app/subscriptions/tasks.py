"""Background task: opens upcoming usage periods, by the business clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.errors import DomainError
from app.subscriptions import periods, service, sweep
from app.web.database import transaction
from app.web.runtime import business_now

MOST = 500
"""Orgs per run; the rest follow a minute later."""

log = structlog.get_logger()


def open_periods() -> int:
    """Open periods ahead, rebuild those that no longer fit, advance billing periods; returns how many of all.

    Safe to repeat and to race.

    Every org has its own transaction: a failure is logged, retried in the next run, and does not stop the others.
    """
    now = business_now()
    with transaction() as reading:
        default = catalog.find_default_version_id(reading)
        if default is None:
            return 0  # no catalogue yet
        to_open = sweep.list_orgs_to_open(reading, now + periods.AHEAD, MOST)
        to_rebuild = sweep.list_orgs_to_rebuild(reading, default, now, MOST)
        to_roll = sweep.list_subscriptions_to_roll(reading, now, MOST)
    return (
        _run_each(to_rebuild, periods.rebuild_periods_ahead, now)
        + _run_each(to_open, periods.open_periods_ahead, now)
        + _run_each(to_roll, service.roll_billing_period, now)
    )


def _run_each(ids: list[UUID], verb: Callable[[Session, UUID, datetime], None], now: datetime) -> int:
    done = 0
    for row_id in ids:
        try:
            with transaction() as open_session:
                verb(open_session, row_id, now)
            done += 1
        except (DomainError, SQLAlchemyError) as error:
            log.warning(
                "period task failed; will retry in the next sweep",
                verb=verb.__name__,
                id=str(row_id),
                error=type(error).__name__,
            )
    return done


TASKS: dict[str, Callable[..., object]] = {"subscriptions.open_periods": open_periods}
SWEEPS = ("subscriptions.open_periods",)
FALLING_DUE = (sweep.find_next_boundary,)
PERIODIC = [("* * * * *", "subscriptions.open_periods")]
