"""Usage events as pages and the API list them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.metering.queries import EventRow as Recorded
from app.portal import wording
from app.portal.schemas import LatestEvent
from app.portal.views_models import EventRow

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


def latest_events(events: Iterable[Recorded]) -> list[LatestEvent]:
    """The same as the API says them."""
    return [
        LatestEvent(
            id=each.event_id,
            meter=each.meter,
            quantity=each.quantity,
            occurred_at=each.occurred_at,
            recorded_at=each.recorded_at,
            kind=each.kind,
            billable=each.billable,
        )
        for each in events
    ]
