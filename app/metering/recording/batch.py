"""A batch of one org in one SQL call: set-based while all fits, event by event when something does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any
from uuid import UUID

import psycopg

from app.kit.errors import Unavailable
from app.metering.recording.fingerprint import BadContentError, canonicalise, digest, key_of
from app.metering.recording.pg_arrays import NULL, documents, named, numbers, plain_array, texts
from app.metering.recording.recorder import NO_PERIOD, ONE_BY_ONE, UsageRecorder, sqlstate
from app.metering.schemas import ABSENT, Event
from app.metering.write_calls import RECORD_BATCH, BatchCall, BatchColumns

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that was not recorded: its place among the events given, why, and the facts of a limit."""

    index: int
    code: str
    quantity: str
    facts: Mapping[str, Any] | None = None
    detail: str | None = None


@dataclass(slots=True)
class BatchOutcome:
    """How many were recorded, how many were known already, and those refused."""

    recorded: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True)
class BatchTerms:
    """How a batch is counted. Imports pass limits, take any time, and are billed only when told to."""

    source: str = "api"
    billable: bool = True
    limited: bool = True
    oldest: datetime | None = None


def record_batch(
    meterer: UsageRecorder,
    org_id: UUID,
    events: Sequence[Event],
    *,
    key_id: UUID | None,
    now: datetime,
    terms: BatchTerms | None = None,
) -> BatchOutcome:
    """Record events of one org (5,000 at most), each once; one that is refused never fails the others.

    Opens the usage periods that are due. Raises `Unavailable` when the database is away; the batch is then safe to
    send again, for what was recorded answers as a duplicate.
    """
    terms = terms or BatchTerms()
    outcome = BatchOutcome()
    good: list[Event] = []
    quantities: list[str] = []
    places: list[int] = []
    for index, event in enumerate(events):
        try:
            quantities.append(canonicalise(event))
        except BadContentError as bad:
            outcome.refused.append(Refusal(index, bad.code, "", detail=bad.detail))
        else:
            good.append(event)
            places.append(index)
    if good:
        _record(meterer, (org_id, key_id, now, terms), good, quantities, places=places, outcome=outcome)
    outcome.refused.sort(key=lambda refusal: refusal.index)
    return outcome


def _record(
    meterer: UsageRecorder,
    call: tuple[UUID, UUID | None, datetime, BatchTerms],
    events: list[Event],
    quantities: list[str],
    *,
    places: list[int],
    outcome: BatchOutcome,
) -> None:
    org_id, key_id, now, terms = call
    ats = _times(events, now)
    oldest, newest = terms.oldest or now - meterer.max_age, now + meterer.max_ahead
    columns = _columns(events, quantities, ats)
    exact = ats is not None and (min(ats) < oldest or max(ats) > newest)
    arguments = BatchCall(
        p_org=org_id, p_now=now, p_oldest=oldest, p_newest=newest, p_api_key=key_id, p_source=terms.source,
        p_billable=terms.billable, p_limited=terms.limited, p_exact=exact, p_flush=meterer.durable(),
    )  # fmt: skip
    for _ in range(_ATTEMPTS):
        try:
            recorded, duplicates, refused = meterer.pool.rows(RECORD_BATCH, (*arguments, *columns))[0]
        except psycopg.DatabaseError as error:
            if sqlstate(error) == ONE_BY_ONE:
                arguments = arguments._replace(p_exact=True)
            elif sqlstate(error) == NO_PERIOD:
                inside = [at for at in ats or [now] if oldest <= at <= newest]
                for at in {min(inside), max(inside)}:
                    meterer.open_period(org_id, at, now)
            else:
                raise
            continue
        outcome.recorded += recorded
        outcome.duplicates += duplicates
        for each in refused or ():
            at = each["index"]
            outcome.refused.append(Refusal(places[at], each["code"], quantities[at], each.get("facts")))
        return
    raise Unavailable("The batch could not be recorded. Nothing was done; send it again.")


def _times(events: list[Event], now: datetime) -> list[datetime] | None:
    """When each event happened; None when all of them say nothing, and so happened now."""
    ats = [event.occurred_at for event in events]
    return [at or now for at in ats] if any(ats) else None


def _columns(events: list[Event], quantities: list[str], ats: list[datetime] | None) -> BatchColumns:
    meters, meter = named([event.meter for event in events])
    clients, client = named([event.client for event in events])
    users, user = named([event.user for event in events])
    salts, metadata = _details(events)
    ids = [event.id for event in events]
    return BatchColumns(
        p_meters=meters, p_clients=clients, p_users=users,
        p_ids=texts(ids), p_keys=plain_array(map(key_of, ids)), p_contents=plain_array(map(digest, events)),
        p_meter=meter, p_quantity=plain_array(quantities),
        p_at=plain_array([at.isoformat() for at in ats]) if ats else None,
        p_kind=texts([event.kind for event in events]), p_provider=texts([event.provider for event in events]),
        p_endpoint=texts([event.endpoint for event in events]), p_language=texts([event.language for event in events]),
        p_format=texts([event.format for event in events]), p_user=user, p_client=client,
        p_job=texts([event.job for event in events]), p_status=numbers([event.status_code for event in events]),
        p_ms=numbers([event.response_ms for event in events]), p_bytes=numbers([event.file_bytes for event in events]),
        p_salt=salts, p_metadata=metadata,
    )  # fmt: skip


def _details(events: list[Event]) -> tuple[str | None, str | None]:
    """Salts and metadata of the events that carry some."""
    metadata = [None if event.metadata is ABSENT else bytes(event.metadata).decode() for event in events]
    if not any(metadata):
        return None, None
    return plain_array([token_hex(16) if each else NULL for each in metadata]), documents(metadata)
