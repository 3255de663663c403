"""Records one event in one round trip: recorded, a duplicate, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from app.kit.errors import Unavailable
from app.metering.recorder import CLIENT_MADE, LOST_RACE, UsageRecorder, sqlstate
from app.metering.recording.fingerprint import canonicalise, derive_key, hash_content
from app.metering.schemas import ABSENT, Event
from app.metering.write_calls import RECORD, EventInput, RecordCall


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is recorded, duplicate or an API refusal code; `facts` describe the limit, or what is missing."""

    code: str
    quantity: str
    facts: Mapping[str, Any] | None = None


def record_event(recorder: UsageRecorder, org_id: UUID, event: Event, *, key_id: UUID | None, now: datetime) -> Outcome:
    """Record one event of an org, opening its usage period and resolving its terms if they are due.

    Raises `BadContentError` for an event that cannot be recorded, `Unavailable` when the database is unreachable.
    """
    quantity = canonicalise(event)
    arguments = _arguments(recorder, org_id, event, quantity, key_id=key_id, now=now)
    for _ in range(3):
        code, facts = _call(recorder, arguments)
        if code == "unresolved":
            recorder.resolve_terms(org_id, event.occurred_at or now, now)
        elif code != CLIENT_MADE:
            return Outcome(code, quantity, facts)
    raise Unavailable("The event could not be recorded. Nothing was changed; please try again.")


def _arguments(
    recorder: UsageRecorder, org_id: UUID, event: Event, quantity: str, *, key_id: UUID | None, now: datetime
) -> tuple[Any, ...]:
    call = RecordCall(
        p_org=org_id, p_now=now, p_oldest=now - recorder.max_age, p_newest=now + recorder.max_ahead, p_api_key=key_id,
        p_flush=recorder.commits_before_flush(),
    )  # fmt: skip
    has_details = event.metadata is not ABSENT
    sent = EventInput(
        id=event.id, key=derive_key(event.id), content="\\x" + hash_content(event), meter=event.meter,
        quantity=quantity, at=event.occurred_at or now,
        kind=event.kind, provider=event.provider, endpoint=event.endpoint,
        language=event.language, format=event.format, user=event.user, client=event.client, job=event.job,
        status=event.status_code, ms=event.response_ms, bytes=event.file_bytes,
        salt=token_bytes(16) if has_details else None,
        metadata=bytes(event.metadata).decode() if has_details else None,
    )  # fmt: skip
    return (*call, *sent)


def _call(recorder: UsageRecorder, arguments: tuple[Any, ...]) -> tuple[str, Mapping[str, Any] | None]:
    try:
        code, facts = recorder.pool.rows(RECORD, arguments)[0]
    except psycopg.DatabaseError as error:
        if sqlstate(error) == CLIENT_MADE:
            return CLIENT_MADE, None
        if sqlstate(error) != LOST_RACE:
            raise
        return "quota_exceeded", msgspec.json.decode(error.diag.message_detail or "{}")
    return code, facts
