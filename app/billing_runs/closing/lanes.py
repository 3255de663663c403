"""Rates many periods in batches, on two connections at a time: one computes while the database works for the other.

Must not know Flask: the caller says how a transaction is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.billing_runs.closing.rate import RatedPeriods, rate_periods
from app.kit.batches import batched
from app.kit.errors import DomainError
from app.subscriptions.close import PeriodKey

TOGETHER = 250
"""Periods that are rated in one transaction. Usage of their orgs waits for it: about a tenth of a second."""
LANES = 2
"""More gain nothing: while one computes, no other thread of the process can."""

Door = Callable[[], AbstractContextManager[Session]]
"""Opens a transaction, in whatever thread it is called."""


def rate_together(door: Door, keys: Sequence[PeriodKey], now: datetime) -> RatedPeriods:
    """Close usage periods, many a transaction. All periods of an org are in one lane, in the order of the keys.

    A batch that failed is in neither part of the answer, like a period whose org was busy: close those one by one.
    """
    lanes = [[key for key in keys if key.org_id.int % LANES == lane] for lane in range(LANES)]
    with ThreadPoolExecutor(LANES, "rate") as threads:
        done = [each for lane in threads.map(partial(_rate_lane, door, now), lanes) for each in lane]
    closed = [key for each in done for key in each.closed]
    return RatedPeriods(closed, {key: why for each in done for key, why in each.waiting.items()})


def _rate_lane(door: Door, now: datetime, keys: Sequence[PeriodKey]) -> list[RatedPeriods]:
    return [_rate_batch(door, now, some) for some in batched(keys, TOGETHER)]


def _rate_batch(door: Door, now: datetime, keys: Sequence[PeriodKey]) -> RatedPeriods:
    try:
        with door() as session:
            return rate_periods(session, keys, now, wait=False)
    except (DomainError, SQLAlchemyError):
        return RatedPeriods([], {})
