"""Staff API of usage: the same figures as the page and its files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date

from app.admin.analytics.api import api
from app.admin.usage.answers import build_active, build_averages, build_endpoints, build_figures, build_hours
from app.admin.usage.requests import MOST_DAYS
from app.admin.usage.schemas import ANALYTICS, AnalyticsAnswer, AnalyticsQuery, Figure
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.kit.errors import FieldError, InvalidRequest, Refused
from app.metering.recording.refusals import describe_unknown_meter
from app.metering.rollups.active import count_active
from app.metering.rollups.total_parts import TotalsQuestion, list_usage_parts
from app.metering.rollups.total_shapes import get_usage_shapes
from app.web.database import session
from app.web.runtime import business_now

__all__ = ["api"]  # the audit log's calls are registered on the blueprint from here

_SHAPES = {"endpoint", "hour"}
_NO_PLAN = {"kind", "provider", "endpoint", "hour"}


@api.operation(
    "GET", "/admin/usage/analytics", query=AnalyticsQuery, response=AnalyticsAnswer, errors=("unknown_meter",),
    summary="Usage of all organisations by plan, kind, provider, endpoint or hour", answer=ANALYTICS,
    description="UTC days, inclusive, at most 400; by default the last 30; with the events of the last seconds. Of each"
    " meter, or of one: `total`, then the `limit` largest values, the `others` together and what is `not_given`, which"
    " add up to the total of sums and counts. Distinct values are counted by organisation and day and added up, and"
    " they and `active` are as of the latest roll-up, `as_of`.\n\n"
    "`span` cuts the days into days, weeks from Monday on, or months. `plan` takes one plan: usage is then by its"
    " versions, since kinds, providers, endpoints and hours are kept of all plans together. `group_by=endpoint` has"
    " answers, response times and file sizes, `group_by=hour` the hours of the week; both need `meter`, as does a"
    " `span` with any group.",
)  # fmt: skip
def usage_analytics(query: AnalyticsQuery) -> AnalyticsAnswer:
    """Figures of the days and of as many days before."""
    question, meters = _read(query)
    days, by_span = (question.first, question.last), query.span != "range"
    parts = list_usage_parts(session(), question, "day" if query.span == "range" else query.span)
    active = count_active(session(), *days, plan=query.plan) if query.active else None
    shaped = query.group_by in _SHAPES
    return AnalyticsAnswer(
        start=question.first,
        end=question.last,
        before_start=question.before[0],
        before_end=question.before[1],
        span=query.span,
        group_by=query.group_by,
        figures=_build_shapes(query, meters, days) if shaped else build_figures(
            parts, meters, before=False, by_span=by_span
        ),
        before=build_figures(parts, meters, before=True, by_span=by_span),
        averages=build_averages(parts, meters, question.days, active.whole.orgs if active else None),
        active_orgs=active.whole.orgs if active else None,
        active_users=active.whole.users if active else None,
        active=build_active(active),
        as_of=active.as_of if active else None,
    )  # fmt: skip


def _build_shapes(query: AnalyticsQuery, meters: Mapping[int, Meter], days: tuple[date, date]) -> list[Figure]:
    [meter] = meters.values()
    shapes = get_usage_shapes(session(), meter.id, meter.aggregation, days, query.limit)
    return build_hours(shapes.hours, meter) if query.group_by == "hour" else build_endpoints(shapes, meter)


def _read(query: AnalyticsQuery) -> tuple[TotalsQuestion, dict[int, Meter]]:
    """The question and its meters; what roll-ups cannot answer is refused."""
    first, last = _days(query)
    meters = {meter.id: meter for meter in catalog.list_meters(session()) if query.meter in {None, meter.key}}
    if query.meter and not meters:
        raise Refused(describe_unknown_meter(query.meter), code="unknown_meter")
    errors = []
    if query.plan and query.group_by in _NO_PLAN:
        errors.append(FieldError("plan", f"can't be combined with `group_by` {query.group_by}"))
    if query.span != "range" and query.group_by in _SHAPES:
        errors.append(FieldError("span", f"must be range by {query.group_by}"))
    if query.meter is None and (query.group_by in _SHAPES or (query.span != "range" and query.group_by != "meter")):
        errors.append(FieldError("meter", "must be given"))
    if errors:
        raise InvalidRequest("Usage is not kept like this.", errors)
    kept = query.group_by if query.group_by in {"plan", "kind", "provider"} else ""
    meter_id = next(iter(meters)) if query.meter else None
    return TotalsQuestion(first, last, kept, meter_id, query.plan, query.limit), meters


def _days(query: AnalyticsQuery) -> tuple[date, date]:
    end = query.end or business_now().astimezone(UTC).date()
    start = query.start or date.fromordinal(max(1, end.toordinal() - 29))
    if not 0 <= (end - start).days < MOST_DAYS:
        raise InvalidRequest(
            "The date range is invalid.", [FieldError("from", f"must be at most {MOST_DAYS} days before `to`")]
        )
    return start, end
