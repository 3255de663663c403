"""Rows for lists of usage events. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from app.metering.queries import RecordedEvent as Recorded
from app.portal.dashboard.view_models import EventRow
from app.statements import wording

_SOURCES = {"api": "API", "import": "Import", "job": "Job", "void": "Correction"}


def build_event_rows(events: Iterable[Recorded]) -> list[EventRow]:
    """Build the rows of the events table; also a meter that the plan leaves out has its name."""
    return [
        EventRow(
            at=event.occurred_at,
            meter=event.meter_name,
            quantity=event.quantity,
            unit=wording.unit_for(event.quantity, event.unit),
            kind=event.kind or "",
            source=event.user or event.client or event.endpoint or _SOURCES[event.source],
        )
        for event in events
    ]
