"""Free to paid: organisations that never paid, and how many of them begin to in a month. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.analytics.months import MonthRange, last_instant, start_of
from app.analytics.timeline import Timeline


@dataclass(frozen=True, slots=True)
class FreeCounts:
    """Organisations that had never paid and were on no trial when a month began, and how many paid at its end."""

    free: int
    converted: int


def count_conversions(
    timelines: Sequence[Timeline], existing: Mapping[date, int], span: MonthRange, now: datetime
) -> dict[date, FreeCounts]:
    """The counts of each month. `existing` is how many organisations there were at its start.

    Worked example: of 10 organisations at the start of October 2 pay and 1 is on trial; one of the other 7 pays at its
    end: 7 free, 1 converted.
    """
    paying = [(timeline, find_first_paying(timeline, span.last, now)) for timeline in timelines]
    return {month: _count(paying, existing[month], month, now) for month in span.months}


def find_first_paying(timeline: Timeline, until: date, now: datetime) -> date | None:
    """The first month at whose end there is recurring revenue, in any currency; None: none yet."""
    return next((month for month, at in timeline.list_month_ends(until, now) if timeline.mrr(at)), None)


def _count(paying: Sequence[tuple[Timeline, date | None]], existing: int, month: date, now: datetime) -> FreeCounts:
    start, free, converted = start_of(month), existing, 0
    for timeline, first in paying:
        if timeline.created_at > start:
            continue
        if (first is not None and first < month) or timeline.is_tried(start):
            free -= 1
        elif first == month and timeline.mrr(last_instant(month, now)):
            converted += 1
    return FreeCounts(free, converted)
