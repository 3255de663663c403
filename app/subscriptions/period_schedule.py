"""Computes usage-period boundaries: calendar months, or months anchored to the subscription. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kit.periods import MONTH, YEAR, Period, anchored, month_of

MONTHS = {"month": MONTH, "year": YEAR}

# Time zones are at most 26 hours apart, so a period after one in another zone starts at most that far off the new
# zone's boundary. Looking this far ahead finds the intended month and avoids a sliver of a period.
SLACK = timedelta(hours=36)
SKEW = timedelta(hours=1)
"""Stripe's clock and ours may differ by seconds; times this close are treated as equal."""
MAX_PERIODS = 1_200


@dataclass(frozen=True, slots=True)
class PeriodSchedule:
    """The schedule of an org's periods. `anchor` None: calendar months in the zone (Free plan, offline collection).

    Anchored months are Stripe's, which calculates in UTC, so their `zone` is "UTC". Until `trial_ends_at` a trial runs,
    which is a period of its own however long it is.
    """

    zone: str
    anchor: datetime | None = None
    trial_ends_at: datetime | None = None

    def first_end(self, start: datetime) -> datetime:
        """The end of a period that starts at any time; a start just before the anchor counts as on it."""
        if self.trial_ends_at is not None and start + SKEW < self.trial_ends_at:
            return self.trial_ends_at
        return self._period_at(start if self.anchor is None else start + SKEW).end

    def next_end(self, start: datetime) -> datetime:
        """The end of the period that follows one ending at `start`."""
        return self._period_at(start + SLACK).end

    def nearest(self, end: datetime) -> datetime:
        """The boundary nearest to one set in another time zone."""
        return self._period_at(end + SLACK).start

    def forward(self, last_end: datetime, to: datetime) -> Iterator[Period]:
        """Yield periods after the last known one, up to the one that contains `to`."""
        for _ in range(MAX_PERIODS):
            if last_end > to:
                return
            period = Period(last_end, self.next_end(last_end))
            yield period
            last_end = period.end
        raise ValueError("more than a hundred years of periods")

    def _period_at(self, at: datetime) -> Period:
        return month_of(at, self.zone) if self.anchor is None else anchored(self.anchor, at, self.zone)


def backward(first_start: datetime, to: datetime, zone: str) -> Iterator[Period]:
    """Yield calendar months before the first known period, newest first, back to the one that contains `to`."""
    for _ in range(MAX_PERIODS):
        if first_start <= to:
            return
        period = Period(month_of(first_start - SLACK, zone).start, first_start)
        yield period
        first_start = period.start
    raise ValueError("more than a hundred years of periods")
