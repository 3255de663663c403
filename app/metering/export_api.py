"""API: the export of raw events as a file."""

from __future__ import annotations

from flask import Response

from app.accounts.guards import acting_org, caller
from app.accounts.reads import EXPORTED_USAGE, audit_read
from app.metering import examples
from app.metering.api import api
from app.metering.api_schemas import EventsExportQuery, UsageEventOut
from app.metering.events.event_files import stream_events
from app.metering.events.raw_events import EventFilter

__all__ = ["api"]


@api.operation(
    "GET", "/usage/export", query=EventsExportQuery, response=UsageEventOut, media=("text/csv", "application/jsonl"),
    answer=examples.RECORDED_EVENT,
    summary="Raw events as CSV or JSON lines",
    description="All events of a range, newest first, each as in `GET /usage/events`: with `format` csv (the default) "
    "a line with a header, in which metadata is JSON and text that a spreadsheet would evaluate has an apostrophe "
    "before it; with jsonl one JSON object a line. The range from `from` to `to` is half-open; omitted filters match "
    "everything. Voids are events of negative quantity with the source void, so that quantities add up. The file is "
    "sent while it is read: what is recorded meanwhile with a later time is not in it. Audited.",
)  # fmt: skip
def export_usage(query: EventsExportQuery) -> Response:
    """The file; each page is read in a transaction of its own."""
    org_id = acting_org()
    audit_read(caller().actor, EXPORTED_USAGE, org_id)
    wanted = EventFilter(
        query.start, query.end, query.meter, query.kind, query.provider, query.endpoint, query.user, query.client
    )
    return stream_events(org_id, wanted, query.format, "usage")
