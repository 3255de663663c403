"""The events behind an invoice line: what it counts, and what it does not, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

COUNTED, VOIDED, IMPORTED, UNBILLABLE, LATER, EARLIER = (
    "counted", "voided", "imported", "unbillable", "later", "earlier",
)  # fmt: skip
_PAGE = 1000
_EVENTS = text("""
SELECT * FROM usage_line_events(org => :org, meter => :meter, since => :since, until => :until, seen => :seen,
    seen_at => :seen_at, before => :before, before_at => :before_at, after_at => :after_at, after_key => :after_key,
    most => :most)
""")
_FIGURES = text("""
SELECT standing, count(*) AS events, sum(amount) AS total, max(amount) AS greatest, count(DISTINCT item) AS items
FROM usage_line_events(org => :org, meter => :meter, since => :since, until => :until, seen => :seen,
    seen_at => :seen_at, before => :before, before_at => :before_at, after_at => NULL, after_key => NULL, most => NULL)
GROUP BY standing ORDER BY standing
""")


@dataclass(frozen=True, slots=True)
class LineSpan:
    """Which events a line could count: an org's meter in [start, end), as far as its snapshot saw them.

    `before` is the snapshot of the line that billed the same period before, with its time.
    """

    org_id: UUID
    meter_id: int
    start: datetime
    end: datetime
    seen: str
    seen_at: datetime
    before: str | None = None
    before_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StandingFigures:
    """How many events stand so, and what they come to by the meter's aggregation."""

    standing: str
    events: int
    figure: Decimal


def sum_line_events(session: Session, span: LineSpan, aggregation: str) -> list[StandingFigures]:
    """Sum the events of a line by how they stand to it. Reads them all: bound it by the line's number of events.

    Worked example: 60 and 40 recorded in time, 40 of it voided, 7 imported: counted 60 (1 event), imported 7 (1),
    voided 0 (2).
    """
    rows = session.execute(_FIGURES, _name(span)).all()
    return [StandingFigures(row.standing, row.events, _pick(row, aggregation)) for row in rows]


def list_line_events(
    session: Session, span: LineSpan, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """List the events of a line in the order of their time; `after` is the (occurred_at, key) of the last one seen.

    Worked example: of events on 1, 2 and 3 May after the one of 1 May, at most one: that of 2 May.
    """
    after_at, after_key = after or (None, None)
    return session.execute(_EVENTS, {**_name(span), "after_at": after_at, "after_key": after_key, "most": limit}).all()


def iterate_line_events(session: Session, span: LineSpan) -> Iterator[Row[Any]]:
    """Yield the events of a line in the order of their time, read in pages so that memory stays constant."""
    after: tuple[datetime, UUID] | None = None
    while True:
        rows = list_line_events(session, span, after, _PAGE)
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1].occurred_at, rows[-1].key


def _name(span: LineSpan) -> dict[str, Any]:
    return {
        "org": span.org_id, "meter": span.meter_id, "since": span.start, "until": span.end, "seen": span.seen,
        "seen_at": span.seen_at, "before": span.before, "before_at": span.before_at,
    }  # fmt: skip


def _pick(row: Row[Any], aggregation: str) -> Decimal:
    if row.standing == VOIDED:
        return Decimal(0)
    figure = {"max": row.greatest, "unique": row.items}.get(aggregation, row.total)
    return Decimal(figure or 0)
