"""The usage page's figures as a file: by day, or by day and value of the chosen dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.kit.errors import InvalidRequest
from app.metering import breakdowns
from app.metering.events import filtered
from app.metering.rollups.columns import list_columns
from app.portal.usage.figures import pick_value
from app.portal.usage.reads import UsageFrame
from app.statements.history import next_month
from app.web import csv_export

HEAD = ("day", "meter", "unit", "by", "value", "quantity", "events")
_Line = tuple[csv_export.Cell, ...]


def choose_reader(session: Session, frame: UsageFrame) -> Callable[[Session], Iterator[_Line]]:
    """What reads the lines, month by month; events without a value have an empty one. Combined filters are read here.

    Raises `InvalidRequest` where filters are to be combined over more events than are read for that.
    """
    query = frame.query
    by = query.by if query.by_chosen and query.by != "meter" else ""
    if not query.filters:
        return lambda opened: _list_all(opened, frame, by)
    if len(query.filters) == 1 and (not by or by in query.filters):
        return lambda opened: _list_value(opened, frame)
    days, (since, until) = query.range, frame.cut
    found = filtered.read_filtered(
        session, frame.org, frame.meter.id, (days.start, days.start, days.end), dimension=by,
        filters=query.filters, since=since, until=until,
    )  # fmt: skip
    if found is None:
        raise InvalidRequest("These days have too many events to combine filters. Choose fewer days, or one filter.")
    rows = sorted(found.days, key=lambda row: (row.day, row.value is None, row.label or ""))
    lines = [_line(frame, by, row.day, _name(row, by), quantity=row.quantity, events=row.events) for row in rows]
    return lambda _: iter(lines)


def _name(row: filtered.FilteredDay, by: str) -> str:
    return "" if row.value is None else breakdowns.label_or_erased(row.label, by)


def _list_all(session: Session, frame: UsageFrame, by: str) -> Iterator[_Line]:
    days, (since, until) = frame.query.range, frame.cut
    for start, end in _months(days.start, days.end):
        rows = breakdowns.list_daily_usage_by_dimension(
            session, frame.org, start, end, by, meter_id=frame.meter.id, since=since, until=until
        )
        for row in rows:
            yield _line(frame, by, row.day, row.label, quantity=row.quantity, events=row.events)


def _list_value(session: Session, frame: UsageFrame) -> Iterator[_Line]:
    days, (since, until) = frame.query.range, frame.cut
    [(name, value)] = frame.query.filters.items()
    for start, end in _months(days.start, days.end):
        columns = list_columns(
            session, frame.org, frame.meter.id, (start, start, end), dimension=name, values=[value] if value else [],
            since=since, until=until,
        )  # fmt: skip
        for row in pick_value(columns, value):
            yield _line(frame, name, row.day, value or "", quantity=row.quantity, events=row.events)


def _line(frame: UsageFrame, by: str, day: date, label: str, *, quantity: Decimal | None, events: int) -> _Line:
    return day, frame.meter.key, frame.meter.unit, by, label, quantity, events


def _months(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(end, next_month(start.replace(day=1)) - timedelta(days=1))
        yield start, last
        start = last + timedelta(days=1)
