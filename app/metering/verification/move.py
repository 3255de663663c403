"""Moves usage between counters when period boundaries have moved, and settles what that leaves open.

A maximum or unique values of a large period stay unsettled (`usage_move.sql`). Its events are then read in slices
without a lock; the result is written under the org's usage lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer, Text, TextualSelect, Uuid, text
from sqlalchemy.orm import Session

from app.kit.postgres.together import ask, fill

SLICE = timedelta(hours=6)
AT_ONCE = 10_000
"""Periods with no more events than these are settled at once: it takes some hundredths of a second."""

_MOVE = text("SELECT usage_move(org => :org, since => :since, at => :now)")

_LIST = text("""
    SELECT c.org_id, c.meter_id, m.aggregation, p.starts_at, p.ends_at, c.unsettled AS move
    FROM usage_counters c
    JOIN subscriptions_periods p ON p.org_id = c.org_id AND p.starts_at = c.period_start
    JOIN catalog_meters m ON m.id = c.meter_id
    WHERE c.unsettled IS NOT NULL AND (CAST(:org AS uuid) IS NULL OR c.org_id = :org)
      AND (CAST(:most AS bigint) IS NULL OR :most >= (
          SELECT sum(o.events) FROM usage_counters o WHERE o.org_id = c.org_id AND o.period_start = c.period_start))
    ORDER BY c.org_id, p.starts_at, c.meter_id
""")
# Transactions before the mark have ended, so later statements see all their events.
_BEGIN = text("""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark,
           ARRAY(SELECT u.value_hash FROM usage_uniques u
                 WHERE u.org_id = :org AND u.meter_id = :meter AND u.period_start = :start) AS doubted
""")
_PEAKS = text("""
    SELECT f.used, f.used - f.unbilled AS billable
    FROM usage_span_figures(org => :org, since => :since, until => :until) f WHERE f.meter_id = :meter
""")
_VALUES = text("""
    SELECT v.value_hash, v.billable
    FROM usage_span_values(org => :org, since => :since, until => :until, from_tx => 0) v WHERE v.meter_id = :meter
""")
_SETTLE = text("""
    SELECT usage_settle(org => :org, meter => :meter, start => :start, move => :move, mark => :mark, peak => :peak,
                        billable_peak => :billable_peak, doubted => CAST(:doubted AS bytea[]),
                        brought => CAST(:brought AS boolean[]))
""")


@dataclass(frozen=True, slots=True)
class UnsettledCounter:
    """The counter of a meter in a period, and the transaction that moved a boundary of the period."""

    org_id: UUID
    meter_id: int
    aggregation: str
    starts_at: datetime
    ends_at: datetime
    move: int

    def slices(self) -> Iterator[tuple[datetime, datetime]]:
        """Divide the period."""
        start = self.starts_at
        while start < self.ends_at:
            yield start, min(start + SLICE, self.ends_at)
            start += SLICE


@dataclass(slots=True)
class Reading:
    """What the events read so far say: the maxima, and what brought each value still in doubt.

    A value is out of doubt once a billable event has brought it. False: only imports did; None: nothing.
    """

    counter: UnsettledCounter
    mark: int
    doubted: dict[bytes, bool | None]
    peak: Decimal = field(default=Decimal(0))
    billable_peak: Decimal = field(default=Decimal(0))

    @property
    def done(self) -> bool:
        """Whether nothing is in doubt any more."""
        return self.counter.aggregation == "unique" and not self.doubted

    def read(self, session: Session, since: datetime, until: datetime) -> None:
        """Read the events of a slice of the period."""
        span = {"org": self.counter.org_id, "meter": self.counter.meter_id, "since": since, "until": until}
        if self.counter.aggregation == "unique":
            for value, billable in session.execute(_VALUES, span):
                if billable:
                    self.doubted.pop(value, None)
                elif value in self.doubted:
                    self.doubted[value] = False
            return
        for used, billable in session.execute(_PEAKS, span):
            self.peak, self.billable_peak = max(self.peak, used), max(self.billable_peak, billable)


def move_usage(session: Session, org_id: UUID, since: datetime, now: datetime, *, at_once: int = AT_ONCE) -> None:
    """Move usage to the periods it belongs to now that boundaries from `since` on have moved, in the same transaction.

    Sums and counts are exact from then on. So are maxima and unique values, except those that depend on what is left
    of a large period: the task `metering.settle` counts these anew. The caller must hold the org's usage lock
    exclusively, so that no event in flight is missed. Keeps reservations.
    """
    session.flush()
    session.execute(_MOVE, {"org": org_id, "since": since, "now": now})
    for counter in list_unsettled(session, org_id, most_events=at_once):
        reading = begin(session, counter)
        reading.read(session, counter.starts_at, counter.ends_at)
        write(session, reading)


def list_unsettled(
    session: Session, org_id: UUID | None = None, most_events: int | None = None
) -> list[UnsettledCounter]:
    """List unsettled counters, or those of an org; with `most_events`, only in periods with no more events."""
    return [UnsettledCounter(*row) for row in ask(session, select_unsettled(org_id, most_events))]


def select_unsettled(org_id: UUID | None = None, most_events: int | None = None) -> TextualSelect:
    """Select what `list_unsettled` lists."""
    at = DateTime(timezone=True)
    return fill(_LIST, org=org_id, most=most_events).columns(
        org_id=Uuid, meter_id=Integer, aggregation=Text, starts_at=at, ends_at=at, move=BigInteger
    )


def begin(session: Session, counter: UnsettledCounter) -> Reading:
    """Begin to read: every value that the counter holds is in doubt."""
    place = {"org": counter.org_id, "meter": counter.meter_id, "start": counter.starts_at}
    row = session.execute(_BEGIN, place).one()
    return Reading(counter, row.mark, dict.fromkeys(row.doubted))


def write(session: Session, reading: Reading) -> bool:
    """Write what the whole period's events say; False, and nothing, if a boundary has moved again meanwhile.

    The caller must hold the org's usage lock exclusively.
    """
    counter = reading.counter
    values = {
        "org": counter.org_id, "meter": counter.meter_id, "start": counter.starts_at, "move": counter.move,
        "mark": reading.mark, "peak": reading.peak, "billable_peak": reading.billable_peak,
        "doubted": list(reading.doubted), "brought": list(reading.doubted.values()),
    }  # fmt: skip
    return bool(session.scalar(_SETTLE, values))
