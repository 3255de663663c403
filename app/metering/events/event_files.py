"""Raw events as a file, CSV or JSON lines, streamed page by page, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from flask import Response, stream_with_context

from app.metering.api_schemas import UsageEventOut
from app.metering.events.built_events import build_event
from app.metering.events.raw_events import EventFilter, list_raw_events
from app.web import csv_export
from app.web.database import end_read_transaction, session
from app.web.json import encode

PAGE = 1000
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
"""The formats, with their media types."""
_HEAD = UsageEventOut.__struct_fields__


def stream_events(org_id: UUID, wanted: EventFilter, form: str, name: str) -> Response:
    """The file of this format and name, newest event first; each page is read in a transaction of its own."""
    events = _iterate(org_id, wanted)
    body = csv_export.lines(_HEAD, map(_cells, events)) if form == "csv" else _json_lines(events)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(stream_with_context(body), content_type=TYPES[form], headers=headers)


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
