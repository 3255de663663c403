"""Records a batch for one org in one SQL call: set-based if everything fits, event by event otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any
from uuid import UUID

import psycopg

from app.kit.errors import Unavailable
from app.kit.postgres.arrays import encode_plain
from app.metering.pg_arrays import NULL, encode_integers, encode_json, encode_labels, encode_texts
from app.metering.recorder import CLIENT_MADE, ONE_BY_ONE, UNRESOLVED, UsageRecorder, sqlstate
from app.metering.recording.fingerprint import BadContentError, canonicalise, derive_key, hash_content
from app.metering.schemas import ABSENT, Event
from app.metering.write_calls import RECORD_BATCH, BatchCall, BatchColumns

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that was not recorded: its index in the batch, why, and the state of the limit if it hit one."""

    index: int
    code: str
    quantity: str
    facts: Mapping[str, Any] | None = None
    detail: str | None = None


@dataclass(slots=True)
class BatchOutcome:
    """How many events were recorded or were duplicates, and which were refused."""

    recorded: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True)
class BatchTerms:
    """How a batch is counted. Imports ignore limits, accept any time, and are billed only on request."""

    source: str = "api"
    import_id: UUID | None = None
    billable: bool = True
    limited: bool = True
    oldest: datetime | None = None


def record_batch(
    recorder: UsageRecorder,
    org_id: UUID,
    events: Sequence[Event],
    *,
    key_id: UUID | None,
    now: datetime,
    terms: BatchTerms | None = None,
) -> BatchOutcome:
    """Record up to 5,000 events of one org, each exactly once. A refused event never fails the others.

    Opens the usage periods that are due. Raises `Unavailable` when the database is unreachable; the batch can then be
    sent again safely, since recorded events are duplicates.
    """
    terms = terms or BatchTerms()
    outcome = BatchOutcome()
    valid: list[Event] = []
    quantities: list[str] = []
    places: list[int] = []
    for index, event in enumerate(events):
        try:
            quantities.append(canonicalise(event))
        except BadContentError as error:
            outcome.refused.append(Refusal(index, error.code, "", detail=error.detail))
        else:
            valid.append(event)
            places.append(index)
    if valid:
        _record(recorder, (org_id, key_id, now, terms), valid, quantities, places=places, outcome=outcome)
    outcome.refused.sort(key=lambda refusal: refusal.index)
    return outcome


def _record(
    recorder: UsageRecorder,
    call: tuple[UUID, UUID | None, datetime, BatchTerms],
    events: list[Event],
    quantities: list[str],
    *,
    places: list[int],
    outcome: BatchOutcome,
) -> None:
    org_id, key_id, now, terms = call
    ats = _times(events, now)
    oldest, newest = terms.oldest or now - recorder.max_age, now + recorder.max_ahead
    columns = _columns(events, quantities, ats)
    exact = ats is not None and (min(ats) < oldest or max(ats) > newest)
    arguments = BatchCall(
        p_org=org_id, p_now=now, p_oldest=oldest, p_newest=newest, p_api_key=key_id, p_source=terms.source,
        p_import=terms.import_id, p_billable=terms.billable, p_limited=terms.limited, p_exact=exact,
        p_flush=recorder.commits_before_flush(),
    )  # fmt: skip
    for _ in range(_ATTEMPTS):
        try:
            recorded, duplicates, refused = recorder.pool.rows(RECORD_BATCH, (*arguments, *columns))[0]
        except psycopg.DatabaseError as error:
            if sqlstate(error) == ONE_BY_ONE:
                arguments = arguments._replace(p_exact=True)
            elif sqlstate(error) == UNRESOLVED:
                inside = [at for at in ats or [now] if oldest <= at <= newest]
                for at in {min(inside), max(inside)}:
                    recorder.resolve_terms(org_id, at, now)
            elif sqlstate(error) != CLIENT_MADE:
                raise
            continue
        outcome.recorded += recorded
        outcome.duplicates += duplicates
        for item in refused or ():
            index = item["index"]
            outcome.refused.append(Refusal(places[index], item["code"], quantities[index], item.get("facts")))
        return
    raise Unavailable("The batch could not be recorded. Nothing was changed; please try again.")


def _times(events: list[Event], now: datetime) -> list[datetime] | None:
    """The events' times; None when no event has one, so that all happened now."""
    ats = [event.occurred_at for event in events]
    return [at or now for at in ats] if any(ats) else None


def _columns(events: list[Event], quantities: list[str], ats: list[datetime] | None) -> BatchColumns:
    meters, meter = encode_labels([event.meter for event in events])
    clients, client = encode_labels([event.client for event in events])
    users, user = encode_labels([event.user for event in events])
    salts, metadata = _details(events)
    ids = [event.id for event in events]
    return BatchColumns(
        p_meters=meters, p_clients=clients, p_users=users,
        p_ids=encode_texts(ids), p_keys=encode_plain(map(derive_key, ids)),
        p_contents=encode_plain(map(hash_content, events)),
        p_meter=meter, p_quantity=encode_plain(quantities),
        p_at=encode_plain([at.isoformat() for at in ats]) if ats else None,
        p_kind=encode_texts([event.kind for event in events]),
        p_provider=encode_texts([event.provider for event in events]),
        p_endpoint=encode_texts([event.endpoint for event in events]),
        p_language=encode_texts([event.language for event in events]),
        p_format=encode_texts([event.format for event in events]), p_user=user, p_client=client,
        p_job=encode_texts([event.job for event in events]),
        p_status=encode_integers([event.status_code for event in events]),
        p_ms=encode_integers([event.response_ms for event in events]),
        p_bytes=encode_integers([event.file_bytes for event in events]),
        p_salt=salts, p_metadata=metadata,
    )  # fmt: skip


def _details(events: list[Event]) -> tuple[str | None, str | None]:
    """The events' salts and metadata; None when no event has metadata."""
    metadata = [None if event.metadata is ABSENT else bytes(event.metadata).decode() for event in events]
    if not any(metadata):
        return None, None
    return encode_plain([token_hex(16) if document else NULL for document in metadata]), encode_json(metadata)
