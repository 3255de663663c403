"""Runs what a sweep found due item by item: a failure is logged, retried by the next sweep, and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from app.web.database import discard_failed_transaction, transaction

Item = TypeVar("Item")
log = structlog.get_logger()


def run_each(
    items: Iterable[Item], work: Callable[[Item], object], failure: str, *, stops: tuple[type[Exception], ...] = ()
) -> int:
    """Call `work` for each item, which opens its own transactions; returns how many it was done for.

    It was not where it failed, nor where it returns False: there was nothing to do any more. `failure` is logged with
    the item. An error in `stops` would meet every item (Stripe is away, say), so it ends the run.
    """
    done = 0
    for item in items:
        try:
            done += work(item) is not False
        except Exception as error:  # noqa: BLE001  (one failure must not stop the others)
            discard_failed_transaction()
            log.warning(failure, item=str(item), error=type(error).__name__, retried="in the next run")
            if isinstance(error, stops):
                break
    return done


def run_each_in_transaction(
    ids: Iterable[Item], verb: Callable[[Session, Item, datetime], object], now: datetime, failure: str
) -> int:
    """Call a verb for each id in a transaction of its own; as `run_each`."""

    def work(row_id: Item) -> object:
        with transaction() as session:
            return verb(session, row_id, now)

    return run_each(ids, work, failure)
