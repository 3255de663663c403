"""The report as files, each with the figures of the API and the page. Reads what its file needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlalchemy.orm import Session

from app.admin.usage.answers import build_active, build_endpoints, build_figures, build_hours
from app.admin.usage.report import MOST
from app.admin.usage.requests import UsageFilter
from app.catalog.models import Meter
from app.metering.rollups.active import count_active
from app.metering.rollups.reports import list_top_orgs_of_days
from app.metering.rollups.total_parts import TotalsQuestion, list_usage_parts
from app.metering.rollups.total_shapes import UsageShapes, get_usage_shapes
from app.web.csv_export import Cell

Lines = Iterable[Sequence[Cell]]
_MOST_ORGS = 1000


def _iterate_parts(session: Session, meter: Meter, asked: UsageFilter) -> Lines:
    question = TotalsQuestion(asked.first, asked.last, asked.by, meter.id, asked.plan, MOST)
    parts, by = list_usage_parts(session, question, asked.span), "version" if asked.plan else asked.by
    for before in (False, True):
        for each in build_figures(parts, {meter.id: meter}, before=before, by_span=True):
            where = "before" if before else "asked", asked.span, each.start
            yield *where, meter.key, by, each.part, each.group, each.label, each.quantity, each.events


def _iterate_hours(session: Session, meter: Meter, asked: UsageFilter) -> Lines:
    for each in build_hours(_shapes(session, meter, asked).hours, meter):
        yield each.weekday, each.group, meter.key, each.quantity, each.events


def _iterate_endpoints(session: Session, meter: Meter, asked: UsageFilter) -> Lines:
    for each in build_endpoints(_shapes(session, meter, asked), meter):
        answered, took = each.responses, each.latency
        rates = (
            (answered.events, answered.client_errors, answered.server_errors, answered.error_rate) if answered else ()
        )
        times = (took.events, took.p50_ms, took.p95_ms) if took else ()
        yield (
            meter.key, each.part, each.group, each.quantity, each.events, *(rates or (None,) * 4),
            *(times or (None,) * 3),
        )  # fmt: skip


def _iterate_sizes(session: Session, meter: Meter, asked: UsageFilter) -> Lines:
    found = build_endpoints(_shapes(session, meter, asked), meter)[0].file_sizes
    for bucket in found.buckets if found else ():
        yield meter.key, bucket.up_to, bucket.events


def _iterate_active(session: Session, _: Meter, asked: UsageFilter) -> Lines:
    active = count_active(session, asked.first, asked.last, asked.plan)
    for each in build_active(active):
        yield "month" if active.by_month else "day", each.start, each.orgs, each.users


def _iterate_orgs(session: Session, meter: Meter, asked: UsageFilter) -> Lines:
    rows = list_top_orgs_of_days(session, asked.first, asked.last, meter.id, _MOST_ORGS)
    for rank, row in enumerate(rows, start=1):
        yield rank, str(row.org_id), row.name, meter.key, row.quantity, row.events


def _shapes(session: Session, meter: Meter, asked: UsageFilter) -> UsageShapes:
    return get_usage_shapes(session, meter.id, meter.aggregation, (asked.first, asked.last), MOST)


FILES: dict[str, tuple[tuple[str, ...], Callable[[Session, Meter, UsageFilter], Lines]]] = {
    "parts": (
        ("range", "span", "start", "meter", "by", "part", "value", "name", "quantity", "events"), _iterate_parts,
    ),
    "hours": (("weekday", "hour", "meter", "quantity", "events"), _iterate_hours),
    "endpoints": (
        ("meter", "part", "endpoint", "quantity", "events", "answered", "client_errors", "server_errors", "error_rate",
         "timed", "p50_ms", "p95_ms"), _iterate_endpoints,
    ),
    "file-sizes": (("meter", "up_to_bytes", "events"), _iterate_sizes),
    "active": (("span", "start", "orgs", "users"), _iterate_active),
    "organisations": (("rank", "org_id", "org", "meter", "quantity", "events"), _iterate_orgs),
}  # fmt: skip
"""By name: head and lines. Only `parts` and `active` are kept by plan."""
BY_PLAN = {"parts", "active"}


def iterate_file(name: str, session: Session, meter: Meter, asked: UsageFilter) -> Iterator[Sequence[Cell]]:
    """The lines of a file; none of one that is not kept by plan, of a plan."""
    if asked.plan is None or name in BY_PLAN:
        yield from FILES[name][1](session, meter, asked)
