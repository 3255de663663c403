"""Reads late usage: events of closed periods that came after the close, each with the line that billed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.billing_runs import queries as billing_runs
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.invoices import queries as invoices
from app.invoices.models import LATE
from app.metering.events.late_events import ClosedSpan, LateEvent, list_late_events
from app.portal.invoices.lines import UsageLine, read_lines
from app.portal.invoices.standing import Standing, describe_standing
from app.web.paging import encode_cursor
from app.web.runtime import business_now

PERIODS = 14
"""How many closed periods are looked at: usage can be voided for 400 days."""


@dataclass(frozen=True, slots=True)
class LateUsage:
    """A late event with its meter. `line` and `standing` are those of the line that billed it; None: none has yet."""

    event: LateEvent
    meter: Meter
    line: UsageLine | None
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class LateUsagePage:
    """A page of late usage, recorded last first, and the cursor of the next."""

    rows: Sequence[LateUsage]
    following: str | None


def list_late_usage(session: Session, org_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> LateUsagePage:
    """List an org's late usage, a page at a time."""
    spans = [
        ClosedSpan(row.period_start, row.period_end, row.mark, row.cluster, row.rated_at)
        for row in billing_runs.list_marks(session, org_id, PERIODS)
    ]
    events = list_late_events(session, org_id, spans, before, limit + 1)
    shown = events[:limit]
    starts = {event.period_start for event in shown}
    query = invoices.select_lines_of_periods(org_id, starts)
    found, [meters] = read_lines(session, org_id, query, catalog.select_meters()) if shown else ([], [[]])
    late = [line for line in found if line.row.kind == LATE]
    late.sort(key=lambda line: (line.row.written_at, line.row.id))
    named = {meter.id: meter for meter in meters}
    rows = [_join(event, named[event.meter_id], late) for event in shown]
    last = shown[-1] if len(events) > limit else None
    return LateUsagePage(rows, encode_cursor(last.recorded_at.isoformat(), str(last.key)) if last else None)


def _join(event: LateEvent, meter: Meter, lines: Sequence[UsageLine]) -> LateUsage:
    """Join an event with the first line of its period and meter that was written after it."""
    for line in lines:
        of_it = line.row.period_start == event.period_start and line.row.meter_id == event.meter_id
        if of_it and line.row.written_at >= event.recorded_at:
            return LateUsage(event, meter, line, describe_standing(line, billed=True, now=business_now()))
    return LateUsage(event, meter, None, None)
