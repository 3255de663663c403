"""Background: open the periods that come next, by the business clock."""

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
"""Orgs a run; what remains is found again a minute later."""

log = structlog.get_logger()


def open_periods() -> None:
    """Open periods ahead, make anew those that no longer fit, roll billing periods on. Safe to repeat and to race.

    Each org has its own transaction: one that fails is logged, left for the next run, and stops none of the others.
    """
    now = business_now()
    with transaction() as reading:
        default = catalog.find_default_version_id(reading)
        if default is None:
            return  # nothing is sold yet
        to_open = sweep.orgs_to_open(reading, now + periods.AHEAD, MOST)
        to_remake = sweep.orgs_to_remake(reading, default, now, MOST)
        to_roll = sweep.subscriptions_to_roll(reading, now, MOST)
    _each(to_remake, periods.remake_ahead, now)
    _each(to_open, periods.open_ahead, now)
    _each(to_roll, service.roll_billing_period, now)


def _each(ids: list[UUID], verb: Callable[[Session, UUID, datetime], None], now: datetime) -> None:
    for each in ids:
        try:
            with transaction() as open_session:
                verb(open_session, each, now)
        except (DomainError, SQLAlchemyError) as error:
            log.warning("left for the next sweep", verb=verb.__name__, id=str(each), error=type(error).__name__)


TASKS: dict[str, Callable[..., None]] = {"subscriptions.open_periods": open_periods}
PERIODIC = [("* * * * *", "subscriptions.open_periods")]
