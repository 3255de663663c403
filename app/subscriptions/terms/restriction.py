"""When an org is held to the default plan's limits: a payment is overdue, or its plan paused; staff can lift it."""

from __future__ import annotations

from datetime import datetime


def is_restricted(limited_at: datetime | None, lifted_until: datetime | None, at: datetime) -> bool:
    """Whether the restriction holds at an instant; staff lift it until one, at which it returns."""
    return limited_at is not None and (lifted_until is None or lifted_until <= at)


def find_lift_end(limited_at: datetime | None, lifted_until: datetime | None, at: datetime) -> datetime | None:
    """When the restriction returns; None if it holds at this instant, or there is none."""
    lifted = limited_at is not None and not is_restricted(limited_at, lifted_until, at)
    return lifted_until if lifted else None
