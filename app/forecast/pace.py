"""The pace so far: what is expected of a period while there are too few days of use to learn from. Pure.

Usage since `since` is averaged over the elapsed time, and that pace is extended to the period's end. There is no
projection in the first hours: the pace is not meaningful yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

LEAST_ELAPSED = timedelta(hours=6)
_PLACES = Decimal("0.000001")
_ROOM = Context(prec=60, rounding=ROUND_HALF_UP)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Projection:
    """`used` at the period's end; `reaches_at` is when the limit is reached, None if not before the end."""

    used: Decimal
    reaches_at: datetime | None


def project(
    used: Decimal, limit: Decimal | None, *, since: datetime, end: datetime, now: datetime
) -> Projection | None:
    """Project `used` from [since, now) to `end`; None if less than six hours have passed or nothing was used.

    Worked example: 600 of 1,000 used 10 days into 30: 1,800 at the end; 1,000 after 16 days and 16 hours.
    Whole numbers stay whole (rounded half up); others keep six places.
    """
    elapsed = now - since
    if elapsed < LEAST_ELAPSED or used <= 0 or now >= end:
        return None
    with localcontext(_ROOM):
        total = used * _ticks(end - since) / _ticks(elapsed)
        whole = used == used.to_integral_value()
        at_end = max(used, total.quantize(Decimal(1) if whole else _PLACES))
    return Projection(at_end, _reaches(used, limit, elapsed, since, end))


def _reaches(
    used: Decimal, limit: Decimal | None, elapsed: timedelta, since: datetime, end: datetime
) -> datetime | None:
    if limit is None or used >= limit:
        return None
    with localcontext(_ROOM):
        ticks = int((limit * _ticks(elapsed) / used).to_integral_value())
    if ticks >= (end - since) // _MICROSECOND:  # compare as integers first: a huge value would overflow timedelta
        return None
    return since + ticks * _MICROSECOND


def _ticks(span: timedelta) -> Decimal:
    return Decimal(span // _MICROSECOND)
