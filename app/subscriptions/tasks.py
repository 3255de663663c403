"""Background task: opens upcoming usage periods, by the business clock."""

from __future__ import annotations

from collections.abc import Callable

from app.catalog import queries as catalog
from app.subscriptions import periods, service, sweep
from app.web.database import transaction
from app.web.runtime import business_now
from app.web.sweeps import run_each_in_transaction

MOST = 500
"""Orgs per run; the rest follow a minute later."""


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
        run_each_in_transaction(to_rebuild, periods.rebuild_periods_ahead, now, "periods not rebuilt")
        + run_each_in_transaction(to_open, periods.open_periods_ahead, now, "periods not opened")
        + run_each_in_transaction(to_roll, service.roll_billing_period, now, "billing period not advanced")
    )


TASKS: dict[str, Callable[..., object]] = {"subscriptions.open_periods": open_periods}
SWEEPS = ("subscriptions.open_periods",)
FALLING_DUE = (sweep.find_next_boundary,)
PERIODIC = [("* * * * *", "subscriptions.open_periods")]
