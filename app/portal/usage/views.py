"""The usage page: one meter over a range of days, also as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, stream_with_context
from sqlalchemy import Row

from app.accounts import guards
from app.accounts.reads import EXPORTED_USAGE, audit_read
from app.kit.errors import NotFound
from app.kit.money import ZERO
from app.kit.periods import Period, midnight, month_of
from app.metering import breakdowns
from app.metering import queries as metering
from app.metering.recording import refused_events
from app.portal.shell.people import get_org_id
from app.portal.usage import queries
from app.portal.usage.refusals import build_refused_rows
from app.portal.usage.requests import UsageQuery, list_presets, parse_usage_query
from app.portal.usage.view import ADDITIVE, MeterRef, UsageData, build_usage_view
from app.statements.history import next_month
from app.web import csv_export
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

usage = Blueprint("usage", __name__)

_HEAD = ("day", "meter", "unit", "by", "value", "quantity", "events")


@dataclass(frozen=True)
class _Frame:
    """The request's context: organisation, zone, period, parsed query and meters."""

    org: UUID
    zone: str
    now: datetime
    period: Period
    query: UsageQuery
    meter: MeterRef
    meters: Sequence[MeterRef]


@usage.get("/usage")
def index() -> Response:
    """One meter by day or month and by a dimension, as chosen in the URL."""
    frame = _frame()
    presets = list_presets(frame.period, frame.zone, frame.now)
    view = build_usage_view(frame.query, presets, _read_usage(frame), frame.zone, frame.now)
    return render("usage/usage.html", fragments=("usage_table",), view=view)


@usage.get("/usage.csv")
def csv() -> Response:
    """The same figures as CSV, one line per day and value, streamed month by month to keep memory constant. Audited."""
    frame = _frame()
    audit_read(guards.caller().actor, EXPORTED_USAGE, frame.org)
    days = frame.query.range
    name = f"usage-{frame.meter.key}-{days.start}-{days.end}.csv"
    body = stream_with_context(csv_export.lines(_HEAD, _csv_rows(frame), bom=bool(request.args.get("bom"))))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


def _frame() -> _Frame:
    who, now = guards.caller(), business_now()
    org = get_org_id(who)
    rows = queries.list_frame_rows(session(), org, now)
    if not rows:
        raise NotFound("No catalogue has been applied yet, so there is nothing to show.")
    head = rows[0]
    period = Period(head.starts_at, head.ends_at) if head.starts_at else month_of(now, who.time_zone)
    query = parse_usage_query(request.args, period, who.time_zone, now)
    listed = [_meter(row) for row in rows if row.listed] or [_meter(row) for row in rows]
    named = (_meter(row) for row in rows if row.key == query.meter)
    meter = next(named, None) if query.meter else listed[0]
    if meter is None:
        raise NotFound("There is no such meter.")
    return _Frame(org, who.time_zone, now, period, query, meter, listed)


def _meter(row: Row[Any]) -> MeterRef:
    return MeterRef(row.id, row.key, row.name, row.unit, row.aggregation)


def _read_usage(frame: _Frame) -> UsageData:
    days, meter = frame.query.range, frame.meter
    since, until = _exact_bounds(frame)
    before = days.before()
    figures = metering.list_daily_usage(session(), frame.org, days.start if since else before.start, days.end,
                            meter_id=meter.id, since=since, until=until)  # fmt: skip
    earlier = [figure for figure in figures if figure.day < days.start]
    if since:
        earlier = metering.list_daily_usage(session(), frame.org, before.start, before.end, meter_id=meter.id)
    inside = [figure for figure in figures if figure.day >= days.start]
    if frame.query.span == "month" and meter.aggregation not in ADDITIVE:
        inside = metering.list_monthly_usage(session(), frame.org, days.start, days.end, meter_id=meter.id)
    by = "" if frame.query.by == "meter" else frame.query.by
    month_ago = frame.now - timedelta(days=30)
    return UsageData(
        meter=meter,
        meters=frame.meters,
        figures=inside,
        earlier=earlier,
        shares=breakdowns.list_usage_by_dimension(
            session(), frame.org, days.start, days.end, by, meter_id=meter.id if by else None, since=since, until=until
        ),
        total=_total(frame, inside),
        refused=build_refused_rows(refused_events.list_refusal_reasons(session(), frame.org, month_ago)),
    )


def _exact_bounds(frame: _Frame) -> tuple[datetime | None, datetime | None]:
    """The exact bounds if the period starts within a day, so that the page matches the counter."""
    exact = frame.query.range.exact
    if exact is None or exact.start == midnight(frame.query.range.start, frame.zone):
        return None, None
    return exact.start, exact.end


def _total(frame: _Frame, figures: Sequence[metering.UsageFigure]) -> tuple[Decimal, int]:
    """The sum of the days if they add up; `max` and `unique` meters are queried over the whole range."""
    events = sum(figure.events for figure in figures)
    if frame.meter.aggregation in ADDITIVE:
        return sum((figure.quantity for figure in figures), ZERO), events
    days = frame.query.range
    since, until = _exact_bounds(frame)
    totals = breakdowns.list_usage_by_dimension(
        session(), frame.org, days.start, days.end, "", meter_id=frame.meter.id, since=since, until=until
    )
    return next(((share.quantity or ZERO, share.events) for share in totals), (ZERO, 0))


def _csv_rows(frame: _Frame) -> Iterator[tuple[csv_export.Cell, ...]]:
    """Totals by day, or by day and value if the URL names a dimension; events without a value have an empty one."""
    days, (since, until) = frame.query.range, _exact_bounds(frame)
    by = frame.query.by if frame.query.by_chosen and frame.query.by != "meter" else ""
    meter = frame.meter
    for start, end in _months(days.start, days.end):
        rows = breakdowns.list_daily_usage_by_dimension(
            session(), frame.org, start, end, by, meter_id=meter.id, since=since, until=until
        )
        for row in rows:
            yield row.day, meter.key, meter.unit, by, row.label, row.quantity, row.events


def _months(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(end, next_month(start.replace(day=1)) - timedelta(days=1))
        yield start, last
        start = last + timedelta(days=1)
