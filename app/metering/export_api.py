"""API: the export of raw events as a file, streamed page by page, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from flask import Response, stream_with_context

from app.accounts.guards import acting_org, caller
from app.accounts.reads import EXPORTED_USAGE, audit_read
from app.metering import examples
from app.metering.api import api
from app.metering.api_schemas import EventsExportQuery, UsageEventOut
from app.metering.built_events import build_event
from app.metering.raw_events import EventFilter, list_raw_events
from app.web import csv_export
from app.web.database import end_read_transaction, session
from app.web.json import encode

__all__ = ["api"]

PAGE = 1000
_HEAD = UsageEventOut.__struct_fields__
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


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
    events = _iterate(org_id, wanted)
    body = csv_export.lines(_HEAD, map(_cells, events)) if query.format == "csv" else _json_lines(events)
    headers = {"Content-Disposition": f'attachment; filename="usage.{query.format}"'}
    return Response(stream_with_context(body), content_type=_TYPES[query.format], headers=headers)


def _iterate(org_id: UUID, wanted: EventFilter) -> Iterator[UsageEventOut]:
    before: tuple[datetime, UUID] | None = None
    while True:
        rows = list_raw_events(session(), org_id, wanted, before, PAGE)
        before = (rows[-1].UsageEvent.occurred_at, rows[-1].UsageEvent.key) if rows else None
        page = [build_event(row) for row in rows]
        end_read_transaction()
        yield from page
        if len(page) < PAGE:
            return


def _cells(event: UsageEventOut) -> tuple[csv_export.Cell, ...]:
    return tuple(_cell(getattr(event, name)) for name in _HEAD)


def _cell(value: object) -> csv_export.Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return value  # type: ignore[return-value]  # the other fields are cells


def _json_lines(events: Iterator[UsageEventOut]) -> Iterator[bytes]:
    for event in events:
        yield encode(event) + b"\n"
