"""Handles parsed requests: records the events, and stores refused ones for the customer to see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.kit.errors import Refused
from app.metering.api_schemas import RecordAnswer, RefusedItem
from app.metering.recorder import UsageRecorder
from app.metering.recording import refused_events
from app.metering.recording.batch import Refusal, record_batch
from app.metering.recording.fingerprint import BadContentError, encode_sent
from app.metering.recording.record import record_event
from app.metering.recording.refusals import build_refusal_error, describe_refusal
from app.metering.recording.refused_events import RefusedEntry
from app.metering.schemas import Event, SubmittedEvents
from app.metering.upgrade_url import upgrade_url

RECORDED = RecordAnswer(1, 0)
DUPLICATE = RecordAnswer(0, 1)


def record_one(
    recorder: UsageRecorder, org_id: UUID, sent: SubmittedEvents, *, key_id: UUID | None, now: datetime
) -> RecordAnswer:
    """Record a bare event. A refusal is stored, then raised as the error for its code.

    At a limit, the error links to a plan that would have allowed the event.
    """
    for bad in sent.bad:
        refused_events.store_refused(recorder.pool, org_id, [RefusedEntry(bad.id, bad.code, bad.detail, bad.raw)], now)
        raise Refused(bad.detail, code=bad.code)
    event = sent.events[0]
    try:
        outcome = record_event(recorder, org_id, event, key_id=key_id, now=now)
    except BadContentError as bad_content:
        entry = RefusedEntry(event.id, bad_content.code, bad_content.detail, encode_sent(event))
        refused_events.store_refused(recorder.pool, org_id, [entry], now)
        raise Refused(bad_content.detail, code=bad_content.code, id=event.id) from None
    if outcome.code == "recorded":
        return RECORDED
    if outcome.code == "duplicate":
        return DUPLICATE
    words, url = describe_refusal(outcome.code, event, outcome.quantity, outcome.facts), None
    if outcome.code == "quota_exceeded":
        url = _upgrade_url(recorder, event.meter, outcome.quantity, outcome.facts or {})
        refused_events.count_refused(recorder.pool, org_id, [(event.meter, outcome.quantity)], now)
    else:
        refused_events.store_refused(
            recorder.pool, org_id, [RefusedEntry(event.id, outcome.code, words, encode_sent(event))], now
        )
    raise build_refusal_error(outcome, words, event, upgrade_url=url, now=now)


def record_many(
    recorder: UsageRecorder, org_id: UUID, sent: SubmittedEvents, *, key_id: UUID | None, now: datetime
) -> RecordAnswer:
    """Record a batch. Refused events are reported by index and stored."""
    outcome = record_batch(recorder, org_id, sent.events, key_id=key_id, now=now)
    items = [RefusedItem(bad.index, bad.id, bad.code, bad.detail) for bad in sent.bad]
    entries = [RefusedEntry(bad.id, bad.code, bad.detail, bad.raw) for bad in sent.bad]
    limited = []
    for refusal in outcome.refused:
        event = sent.events[refusal.index]
        words = _words(refusal, event)
        items.append(RefusedItem(sent.places[refusal.index], event.id, refusal.code, words))
        if refusal.code == "quota_exceeded":
            limited.append((event.meter, refusal.quantity))
        else:
            entries.append(RefusedEntry(event.id, refusal.code, words, encode_sent(event)))
    items.sort(key=lambda item: item.index)
    refused_events.count_refused(recorder.pool, org_id, limited, now)
    refused_events.store_refused(recorder.pool, org_id, entries, now)
    return RecordAnswer(outcome.recorded, outcome.duplicates, items)


def _upgrade_url(recorder: UsageRecorder, meter: str, quantity: str, facts: Mapping[str, Any]) -> str:
    used = Decimal(facts["used"]) + Decimal(facts["reserved"])
    return upgrade_url(recorder.pool, meter, facts["span"], used=used, refused=Decimal(quantity))


def _words(refusal: Refusal, event: Event) -> str:
    return refusal.detail or describe_refusal(refusal.code, event, refusal.quantity, refusal.facts)
