"""The usage page: one meter over a range of days, also as files."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Row

from app.accounts import guards
from app.accounts.reads import EXPORTED_USAGE, audit_read
from app.kit.errors import NotFound
from app.kit.periods import Period, midnight, month_of
from app.kit.postgres.together import prepare
from app.metering.events.event_files import stream_events
from app.metering.events.raw_events import EventFilter
from app.metering.recording import refused_events
from app.portal.shell.people import get_org_id
from app.portal.usage import file, queries
from app.portal.usage.reads import MeterRef, UsageFrame, month_before, read_overview, read_usage
from app.portal.usage.refusals import build_refused_rows
from app.portal.usage.requests import list_presets, parse_usage_query
from app.portal.usage.view import UsageData, build_usage_view
from app.web.csv_file import stream_csv
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

usage = Blueprint("usage", __name__)


@usage.get("/usage")
def index() -> Response:
    """One meter by day or month and by a dimension, filtered as chosen in the URL."""
    org, now = get_org_id(guards.caller()), business_now()
    refusals = refused_events.select_refusal_reasons(org, month_before(now))
    prepare(session(), queries.select_frame(org, now), refusals)
    frame = _frame(now)
    overview = read_overview(session(), frame)
    data = UsageData(
        usage=read_usage(session(), frame, overview),
        overview=overview,
        refused=build_refused_rows(refused_events.list_refusal_reasons(session(), frame.org, frame.month_ago)),
    )
    view = build_usage_view(frame, list_presets(frame.period, frame.zone, frame.now), data)
    return render("usage/usage.html", fragments=("usage_table",), view=view)


@usage.get("/usage.csv")
def csv() -> Response:
    """The same figures as CSV, one line per day and value, streamed month by month to keep memory constant. Audited."""
    frame = _frame(business_now())
    read = file.choose_reader(session(), frame)
    audit_read(guards.caller().actor, EXPORTED_USAGE, frame.org)
    days = frame.query.range
    return stream_csv(f"usage-{frame.meter.key}-{days.start}-{days.end}", file.HEAD, read)


@usage.get("/usage/events.<any(csv,jsonl):form>")
def events(form: str) -> Response:
    """The events behind the page, with its days, meter and filters, also those that are not billed. Audited."""
    frame = _frame(business_now())
    audit_read(guards.caller().actor, EXPORTED_USAGE, frame.org)
    days, (since, until) = frame.query.range, frame.cut
    wanted = EventFilter(
        start=since or midnight(days.start, frame.zone),
        end=until or midnight(days.end + timedelta(days=1), frame.zone),
        meter=frame.meter.key,
        values=frame.query.filters,
        zone=frame.zone,
    )
    return stream_events(frame.org, wanted, form, f"events-{frame.meter.key}-{days.start}-{days.end}")


def _frame(now: datetime) -> UsageFrame:
    who = guards.caller()
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
    query = query if meter.adds_up else query.only_first_filter()
    return UsageFrame(org, who.time_zone, now, period, query, meter, listed)


def _meter(row: Row[Any]) -> MeterRef:
    return MeterRef(
        row.id,
        row.key,
        row.name,
        row.unit,
        row.aggregation,
        allowance=row.allowance,
        cap=row.cap,
        per_day=row.per_day,
        per_hour=row.per_hour,
    )
