"""Handles parsed requests: records the events, and stores refused ones for the customer to see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.kit.errors import Refused
from app.metering.api_schemas import RecordAnswer, RefusedItem
from app.metering.recorder import UsageRecorder
from app.metering.recording import refused_events
from app.metering.recording.batch import record_batch
from app.metering.recording.body import SubmittedEvents
from app.metering.recording.fingerprint import BadContentError, encode_sent
from app.metering.recording.record import record_event
from app.metering.recording.refusals import (
    LimitState,
    build_refusal_error,
    describe_refusal,
    list_facts,
    parse_limit_state,
)
from app.metering.recording.refused_events import RefusedEntry
from app.metering.upgrade_url import upgrade_url
from app.web.database import note_done

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
    words, url = describe_refusal(outcome.code, event, outcome.facts, now), None
    if outcome.code == "quota_exceeded":
        url = _upgrade_url(recorder, org_id, event.meter, parse_limit_state(outcome.facts or {}), now)
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
    if outcome.recorded:
        note_done()  # whatever of the refused cannot be kept
    items = [RefusedItem(bad.index, bad.id, bad.code, bad.detail) for bad in sent.bad]
    entries = [RefusedEntry(bad.id, bad.code, bad.detail, bad.raw) for bad in sent.bad]
    limited = []
    urls: dict[tuple[str, LimitState], str | None] = {}
    for refusal in outcome.refused:
        event = sent.events[refusal.index]
        words = refusal.detail or describe_refusal(refusal.code, event, refusal.facts, now)
        item = RefusedItem(sent.places[refusal.index], event.id, refusal.code, words)
        items.append(item)
        if refusal.code == "quota_exceeded":
            state = parse_limit_state(refusal.facts or {})
            if (event.meter, state) not in urls:  # refusals of a batch are often alike
                urls[event.meter, state] = _upgrade_url(recorder, org_id, event.meter, state, now)
            item.meter, item.requested = event.meter, Decimal(refusal.quantity)
            item.upgrade_url = urls[event.meter, state]
            for name, value in list_facts(state, now).items():
                setattr(item, name, value)
            limited.append((event.meter, refusal.quantity))
        else:
            entries.append(RefusedEntry(event.id, refusal.code, words, encode_sent(event)))
    items.sort(key=lambda item: item.index)
    refused_events.count_refused(recorder.pool, org_id, limited, now)
    refused_events.store_refused(recorder.pool, org_id, entries, now)
    return RecordAnswer(outcome.recorded, outcome.duplicates, items)


def _upgrade_url(recorder: UsageRecorder, org_id: UUID, meter: str, state: LimitState, now: datetime) -> str | None:
    """Link to a plan that would have allowed it; none for a span that has ended, since no plan makes room there now."""
    if state.is_over(now):
        return None
    return upgrade_url(recorder.pool, org_id, meter, state.span, used=state.used + state.reserved, refused=state.adds)
