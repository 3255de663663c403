"""Usage events as pages list them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.metering.queries import RecordedEvent as Recorded
from app.portal.dashboard.view_models import EventRow
from app.statements import wording

_SOURCES = {"api": "API", "import": "Import", "job": "Job", "void": "Correction"}


def event_rows(events: Iterable[Recorded], names: Mapping[str, str]) -> list[EventRow]:
    """The lines of the dashboard's table; `names` gives a meter's by its key."""
    return [
        EventRow(
            at=each.occurred_at,
            meter=names.get(each.meter, each.meter),
            quantity=each.quantity,
            unit=each.unit if each.quantity == 1 else wording.units(each.unit),
            kind=each.kind or "",
            source=each.user or each.client or each.endpoint or _SOURCES[each.source],
        )
        for each in events
    ]
