"""API: usage over time by the values of a dimension."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from app.accounts.guards import acting_org, caller
from app.catalog import queries as catalog
from app.kit.errors import FieldError, InvalidRequest, Refused
from app.metering.recording.refusals import describe_unknown_meter
from app.metering.rollups.analytics import Position, list_analytics
from app.portal.usage.analytics_schemas import EXAMPLE, UsageAnalyticsAnswer, UsageAnalyticsQuery, build_row
from app.portal.usage.api import api
from app.statements.history import list_months
from app.web.database import session
from app.web.paging import encode_cursor, parse_cursor
from app.web.runtime import business_now

__all__ = ["api"]

# The most days of a range, and how many days it has if not given; a month of 12 months.
_MOST = {"hour": 31, "day": 400, "month": 1100}
_USUAL = {"hour": 2, "day": 30}
_IDS = range(1, 2**31)


@api.operation(
    "GET", "/usage/analytics", query=UsageAnalyticsQuery, response=UsageAnalyticsAnswer, answer=EXAMPLE,
    summary="Usage by hour, day or month and by a dimension",
    description="Quantities, what of them is not billed, errors, response times and file sizes, oldest first, with the "
    "events of the last seconds. Days, months and hours are those of the organisation's time zone; where the clock "
    "goes back, an hour holds both. A range has at most 31 days by `span` hour (the last 2 if not given), 400 by day "
    "(30), 1,100 by month (12 months). By hour there is only the total of each meter, and none of distinct values; use "
    "`group_by=hour` for the hours of the day over days or months.\n\n"
    "Every event is in one row: those that name no value have `given` false, so rows sum to the total of sums and "
    "counts. By `attempt` these are the original ones.\n\n"
    "A percentile is the bound of the bucket that it falls into, so that it is never below the true value: of response "
    "times 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500 and 800 ms, 1.2, 2, 3, 5, 8, 12, 20, 30 and 60 s; of "
    "files 1, 10 and 100 kB, 1, 2, 5, 10, 25, 50, 100, 200 and 500 MB, 1 and 5 GB; null is above the last. Errors, "
    "response times and file sizes are kept by meter, kind, provider, endpoint, key and hour.",
    errors=("unknown_meter",),
)  # fmt: skip
def usage_analytics(query: UsageAnalyticsQuery) -> UsageAnalyticsAnswer:
    """One page of the organisation's analytics; one statement."""
    now, zone = business_now(), caller().time_zone
    start, end = _range(query, now.astimezone(ZoneInfo(zone)).date())
    by_hour, by_meter = query.span == "hour", query.group_by == "meter"
    if by_hour and not by_meter:
        raise InvalidRequest("By hour there are only totals.", [FieldError("group_by", "must be meter by span hour")])
    rows = list_analytics(
        session(),
        acting_org(),
        "month" if query.span == "month" else "day",
        (start, end),
        "hour" if by_hour else "" if by_meter else query.group_by,
        meter=query.meter,
        rest=not by_hour,
        after=_parse_position(query.next),
        limit=query.limit + 1,
    )
    if query.meter and not rows and query.meter not in {each.key for each in catalog.list_meters(session())}:
        raise Refused(describe_unknown_meter(query.meter), code="unknown_meter")
    shown, more = rows[: query.limit], len(rows) > query.limit
    return UsageAnalyticsAnswer(
        start=start,
        end=end,
        time_zone=zone,
        span=query.span,
        group_by=query.group_by,
        rows=[build_row(row, by_hour=by_hour, by_meter=by_meter) for row in shown],
        next=encode_cursor(*map(str, shown[-1].position)) if more else None,
        as_of=now,
    )


def _range(query: UsageAnalyticsQuery, today: date) -> tuple[date, date]:
    end, most = query.end or today, _MOST[query.span]
    try:
        usual = list_months(end, 12)[0] if query.span == "month" else end - timedelta(days=_USUAL[query.span] - 1)
        start = query.start or usual
        within = 0 <= (end - start).days < most and date(2000, 1, 1) <= start and end <= date(2200, 1, 1)
    except (ValueError, OverflowError):
        within = False
    if not within:
        raise InvalidRequest(
            "The date range is invalid.", [FieldError("from", f"must be up to {most} days before `to`")]
        )
    return start, end


def _parse_position(cursor: str | None) -> Position | None:
    values = parse_cursor(cursor, 4)
    if values is None:
        return None
    try:
        day, meter_id, rank = date.fromisoformat(values[0]), int(values[1]), int(values[2])
        if meter_id in _IDS and rank in (0, 1):
            return day, meter_id, rank, values[3]
        raise ValueError
    except ValueError:
        raise InvalidRequest("The cursor is not valid.", [FieldError("next", "must be the unchanged `next`")]) from None
