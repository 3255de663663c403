"""What staff see of an event, and what its void would change. Pure but for the reads that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.admin.corrections.taken import CLOSED, PLAN_CHANGED, calculate_difference, count_taken
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.metering.corrections.lookup import LookedUpEvent, find_event
from app.metering.corrections.void import OLDEST
from app.statements import queries as statements
from app.statements.wording import format_amount, format_deadline, format_span, unit_for
from app.web.filters import quantity

_INSTANT = timedelta(microseconds=1)
_SOURCES = {"api": "The API", "import": "An import", "job": "A job"}


@dataclass(frozen=True, slots=True)
class EventView:
    """An event that was looked up. `changes` says what its void does, `why_not` why it cannot be voided."""

    id: str
    facts: list[tuple[str, str]]
    occurred_at: datetime
    recorded_at: datetime
    changes: Sequence[str]
    why_not: str | None


def find_event_view(session: Session, org_id: UUID, event_id: str, zone: str, now: datetime) -> EventView | None:
    """Look an event up and work out what its void would change."""
    event = find_event(session, org_id, event_id)
    if event is None:
        return None
    meter = catalog.get_meters_by_id(session)[event.meter_id]
    why_not = _find_obstacle(event, meter, zone, now)
    rows = []
    if why_not is None and event.starts_at is not None:
        rows = list(statements.list_period_rows(session, org_id, event.starts_at, event.starts_at + _INSTANT))
    return EventView(
        id=event.event_id,
        facts=[
            ("Meter", meter.name),
            ("Quantity", f"{quantity(event.quantity)} {unit_for(event.quantity, meter.unit)}"),
            ("From", _SOURCES.get(event.source, event.source)),
            *([("Import", str(event.import_id))] if event.import_id else []),
        ],
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        changes=_describe_changes(event, meter, rows, zone) if why_not is None else [],
        why_not=why_not,
    )


def _find_obstacle(event: LookedUpEvent, meter: Meter, zone: str, now: datetime) -> str | None:
    if event.voided_at is not None:
        return f"This event was voided on {format_deadline(event.voided_at, zone)}: {event.reason or 'no reason kept'}."
    if event.occurred_at < now - OLDEST:
        return f"Usage can be voided for {OLDEST.days} days after it happened."
    if _count(event, meter) is None and event.closed_at is None:
        until = f" It ends on {format_deadline(event.ends_at, zone)}." if event.ends_at else ""
        what = "a maximum" if meter.aggregation == "max" else "distinct values"
        return f"{meter.name} counts {what}, which can be corrected once the usage period is closed.{until}"
    return None


def _describe_changes(event: LookedUpEvent, meter: Meter, rows: Sequence[Row[Any]], zone: str) -> list[str]:
    if event.starts_at is None or event.ends_at is None:
        return ["It belongs to no usage period, so nothing else changes."]
    span = format_span(event.starts_at, event.ends_at, zone)
    amount = _count(event, meter)
    if amount is None:
        lowers = f"{meter.name} of {span} is worked out without this event."
    else:
        lowers = f"Lowers {span} by {quantity(amount)} {unit_for(amount, meter.unit)}."
    row = next((each for each in rows if each.meter_id == meter.id), None)
    return [lowers, *_describe_cost(event, meter, row)]


def _count(event: LookedUpEvent, meter: Meter) -> Decimal | None:
    return count_taken(meter.aggregation, 1, event.quantity)


def _describe_cost(event: LookedUpEvent, meter: Meter, row: Row[Any] | None) -> list[str]:
    """What the period comes to without the event, where that follows from the quantity alone."""
    if not event.billable:
        return ["It was imported without being billed, so no amount changes."]
    if row is None or row.model is None:
        return ["Nothing is charged for this usage, so no amount changes."]
    told, difference = [], None
    taken = _count(event, meter)
    if taken is not None:
        difference = calculate_difference(row, taken)
        told.append(_describe_difference(difference, row.currency))
    if event.closed_at is not None and difference != 0:
        told.append(f"The period is billed already. {CLOSED}")
    if row.plan_changed:
        told.append(PLAN_CHANGED)
    return told


def _describe_difference(difference: int, currency: str) -> str:
    if difference == 0:
        return "The amount of the period stays the same."
    words = f"{format_amount(abs(difference), currency)} {'less' if difference < 0 else 'more'}"
    return f"The difference is {words}, before tax."


def describe_voided(quantity_voided: Decimal, meter: Meter) -> str:
    """Say what was voided."""
    return f"The event is voided: {quantity(quantity_voided)} {unit_for(quantity_voided, meter.unit)} no longer count."
