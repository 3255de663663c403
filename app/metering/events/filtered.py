"""One org's use of a meter that adds up, of the events that name several values at once; read from the events.

Roll-ups are kept by one dimension at a time (decision 64), so this is bounded by the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.breakdowns import check_dimension
from app.metering.rollups.models import DIMENSIONS

FILTERS = tuple(name for name in DIMENSIONS if name not in {"", "plan"})
"""The dimensions that events can be filtered by."""
MOST_EVENTS = 50_000
"""Reading as many takes about a tenth of a second."""

_FILTERED = text("""
    SELECT f.read_from, f.day, f.value, usage_label(:org, :dimension, f.value) AS label, f.quantity, f.events
    FROM usage_filtered(:org, :meter, :earlier, :first, :last, :since, :until, :dimension, :filters, :picked, :most) f
    ORDER BY f.day NULLS FIRST, f.value
""")


@dataclass(frozen=True, slots=True)
class FilteredDay:
    """Use on a day by a value of a dimension, None for events that name none.

    `label` is None for these, and once erased.
    """

    day: date
    value: str | None
    label: str | None
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Filtered:
    """What was found from `read_from` on; before it nothing was read."""

    read_from: date
    days: list[FilteredDay]


def read_filtered(
    session: Session,
    org_id: UUID,
    meter_id: int,
    days: tuple[date, date, date],
    *,
    dimension: str,
    filters: Mapping[str, str | None],
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = MOST_EVENTS,
) -> Filtered | None:
    """Read use by day and value of `dimension` ('' for the total) of events that name all of `filters`' values.

    `days` are the earliest, the first and the last: if there are more than `most` events from the earliest on, days
    begin with the first; None if these have more, too. `since` and `until` cut into the days from the first on. A
    filter's value None means events that name none.

    Worked example: 5 scans by Ada, 2 by Bob, filters {kind: scan}, dimension user: (today, Ada, 5), (today, Bob, 2).
    """
    for name in (dimension, *filters):
        check_dimension(name)
    asked: dict[str, Any] = {
        "org": org_id, "meter": meter_id, "earlier": days[0], "first": days[1], "last": days[2], "since": since,
        "until": until, "dimension": dimension, "filters": list(filters), "picked": list(filters.values()),
        "most": most,
    }  # fmt: skip
    found = session.execute(_FILTERED, asked).all()
    if not found:
        return None
    head, *rows = found
    return Filtered(
        head.read_from, [FilteredDay(row.day, row.value, row.label, row.quantity, row.events) for row in rows]
    )
