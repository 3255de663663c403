"""Where an org's usage periods begin and end: calendar months, or months on the subscription's anchor. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kit.periods import Period, anchored, month_of

# Zones lie at most 26 hours apart. A period that follows one cut in another zone begins that much off the new zone's
# boundary at most; looking this far in finds the month that is meant, so that no sliver of a period arises.
SLACK = timedelta(hours=36)
SKEW = timedelta(hours=1)
"""Stripe's clock and ours may differ by seconds; instants this near to one another are meant to be one."""
MOST = 1_200


@dataclass(frozen=True, slots=True)
class PeriodSchedule:
    """How to cut. `anchor` None: calendar months in the zone (the Free plan, and orgs that we collect from).

    Months on an anchor are Stripe's, which reckons in UTC: `zone` is "UTC" then.
    """

    zone: str
    anchor: datetime | None = None

    def first_end(self, start: datetime) -> datetime:
        """The end of a period that begins anywhere; a little before the anchor is meant to be at it."""
        return self._holding(start if self.anchor is None else start + SKEW).end

    def next_end(self, start: datetime) -> datetime:
        """The end of the period after one that ended at `start`."""
        return self._holding(start + SLACK).end

    def nearest(self, end: datetime) -> datetime:
        """The boundary nearest to one that another zone's calendar made."""
        return self._holding(end + SLACK).start

    def forward(self, last_end: datetime, to: datetime) -> Iterator[Period]:
        """Periods from the end of the last known one, until one holds `to`."""
        for _ in range(MOST):
            if last_end > to:
                return
            period = Period(last_end, self.next_end(last_end))
            yield period
            last_end = period.end
        raise ValueError("more than a hundred years of periods")

    def _holding(self, at: datetime) -> Period:
        return month_of(at, self.zone) if self.anchor is None else anchored(self.anchor, at, self.zone)


def backward(first_start: datetime, to: datetime, zone: str) -> Iterator[Period]:
    """Calendar months before the first known period, newest first, until one holds `to`."""
    for _ in range(MOST):
        if first_start <= to:
            return
        period = Period(month_of(first_start - SLACK, zone).start, first_start)
        yield period
        first_start = period.start
    raise ValueError("more than a hundred years of periods")
