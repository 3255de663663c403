"""Lists an org's raw events for GET /usage/events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, and_, case, cast, column, func, select, table, tuple_
from sqlalchemy.orm import Session

from app.catalog.sql_views import METERS, VERSIONS
from app.metering.models import EventDetails, Subject, UsageEvent

_CLIENTS = table("accounts_clients", column("id", Uuid), column("ref", Text))


@dataclass(frozen=True)
class EventFilter:
    """Filters for events; None matches everything. The time range is half-open: [start, end).

    `values` are by dimension, as roll-ups have them: users, clients and keys by their id, hours of `zone`; None is what
    names no value.
    """

    start: datetime | None = None
    end: datetime | None = None
    meter: str | None = None
    kind: str | None = None
    provider: str | None = None
    endpoint: str | None = None
    user: str | None = None
    client: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)
    zone: str = "UTC"


def list_raw_events(
    session: Session, org_id: UUID, wanted: EventFilter, before: tuple[datetime, UUID] | None, limit: int
) -> list[Any]:
    """List up to `limit` events before the position `before` (time, key), newest first, with labels and metadata."""
    query = _select_events(org_id)
    for condition in _conditions(wanted):
        query = query.where(condition)
    if before is not None:
        query = query.where(tuple_(UsageEvent.occurred_at, UsageEvent.key) < before)
        query = query.where(UsageEvent.occurred_at <= before[0])  # uses the index and prunes later months
    return list(session.execute(query.order_by(UsageEvent.occurred_at.desc(), UsageEvent.key.desc()).limit(limit)))


def _select_events(org_id: UUID) -> Select[Any]:
    same = and_(
        EventDetails.org_id == UsageEvent.org_id,
        EventDetails.key == UsageEvent.key,
        EventDetails.occurred_at == UsageEvent.occurred_at,
    )
    subject = and_(Subject.org_id == UsageEvent.org_id, Subject.id == UsageEvent.subject_id)
    return (
        select(
            UsageEvent,
            METERS.c.key.label("meter"),
            Subject.label.label("user"),
            _CLIENTS.c.ref.label("client"),
            VERSIONS.c.plan_key.label("plan"),
            EventDetails.metadata_.label("metadata"),
        )
        .join(METERS, METERS.c.id == UsageEvent.meter_id)
        .outerjoin(Subject, subject)
        .outerjoin(_CLIENTS, _CLIENTS.c.id == UsageEvent.client_id)
        .outerjoin(VERSIONS, VERSIONS.c.id == UsageEvent.plan_version_id)
        .outerjoin(EventDetails, same)
        .where(UsageEvent.org_id == org_id)
    )


def _conditions(wanted: EventFilter) -> list[Any]:
    columns: list[tuple[Any, Any]] = [
        (METERS.c.key, wanted.meter),
        (UsageEvent.kind, wanted.kind),
        (UsageEvent.provider, wanted.provider),
        (UsageEvent.endpoint, wanted.endpoint),
        (Subject.label, wanted.user),
        (_CLIENTS.c.ref, wanted.client),
    ]
    conditions = [column == value for column, value in columns if value is not None]
    if wanted.start is not None:
        conditions.append(UsageEvent.occurred_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(UsageEvent.occurred_at < wanted.end)
    return conditions + [
        _dimension(name, wanted.zone).is_not_distinct_from(value) for name, value in wanted.values.items()
    ]


def _dimension(name: str, zone: str) -> ColumnElement[Any]:
    """The value of a dimension as `usage_recorded` has it."""
    if name == "hour":
        return func.to_char(func.timezone(zone, UsageEvent.occurred_at), "HH24")
    if name == "attempt":
        return func.nullif(UsageEvent.attempt, "original")
    if name == "status":
        status = UsageEvent.status_code
        return case((status.between(100, 599), cast(status, Text)), (status.is_not(None), "other"))
    named = {"user": UsageEvent.subject_id, "client": UsageEvent.client_id, "key": UsageEvent.api_key_id}
    return cast(named[name], Text) if name in named else getattr(UsageEvent, name)
