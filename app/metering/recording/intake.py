"""From a parsed request to its answer: record what can be, keep what was refused for the customer to see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.kit.errors import Refused
from app.metering.api_schemas import RecordAnswer, RefusedItem
from app.metering.checks.upgrade_url import upgrade_url
from app.metering.recording import refused_events
from app.metering.recording.batch import Refusal, record_batch
from app.metering.recording.fingerprint import BadContentError, as_sent
from app.metering.recording.record import record
from app.metering.recording.recorder import UsageRecorder
from app.metering.recording.refusals import detail, refusal
from app.metering.recording.refused_events import Kept
from app.metering.schemas import Event, Sent

RECORDED = RecordAnswer(1, 0)
DUPLICATE = RecordAnswer(0, 1)


def take_one(meterer: UsageRecorder, org_id: UUID, sent: Sent, *, key_id: UUID | None, now: datetime) -> RecordAnswer:
    """Record a bare event; a refusal raises the error of its code, after it was written down.

    At a limit it leads to the plan that would have taken the event.
    """
    for bad in sent.bad:
        refused_events.keep(meterer.pool, org_id, [Kept(bad.id, bad.code, bad.detail, bad.raw)], now)
        raise Refused(bad.detail, code=bad.code)
    event = sent.events[0]
    try:
        outcome = record(meterer, org_id, event, key_id=key_id, now=now)
    except BadContentError as bad_content:
        kept = Kept(event.id, bad_content.code, bad_content.detail, as_sent(event))
        refused_events.keep(meterer.pool, org_id, [kept], now)
        raise Refused(bad_content.detail, code=bad_content.code, id=event.id) from None
    if outcome.code == "recorded":
        return RECORDED
    if outcome.code == "duplicate":
        return DUPLICATE
    words, url = detail(outcome.code, event, outcome.quantity, outcome.facts), None
    if outcome.code == "quota_exceeded":
        url = _upgrade_url(meterer, event.meter, outcome.quantity, outcome.facts or {})
        refused_events.count(meterer.pool, org_id, [(event.meter, outcome.quantity)], now)
    else:
        refused_events.keep(meterer.pool, org_id, [Kept(event.id, outcome.code, words, as_sent(event))], now)
    raise refusal(outcome, words, event, upgrade_url=url, now=now)


def take_batch(meterer: UsageRecorder, org_id: UUID, sent: Sent, *, key_id: UUID | None, now: datetime) -> RecordAnswer:
    """Record a batch; what is refused is named by its index and written down."""
    outcome = record_batch(meterer, org_id, sent.events, key_id=key_id, now=now)
    items = [RefusedItem(bad.index, bad.id, bad.code, bad.detail) for bad in sent.bad]
    kept = [Kept(bad.id, bad.code, bad.detail, bad.raw) for bad in sent.bad]
    limited = []
    for each in outcome.refused:
        event = sent.events[each.index]
        words = _words(each, event)
        items.append(RefusedItem(sent.places[each.index], event.id, each.code, words))
        if each.code == "quota_exceeded":
            limited.append((event.meter, each.quantity))
        else:
            kept.append(Kept(event.id, each.code, words, as_sent(event)))
    items.sort(key=lambda item: item.index)
    refused_events.count(meterer.pool, org_id, limited, now)
    refused_events.keep(meterer.pool, org_id, kept, now)
    return RecordAnswer(outcome.recorded, outcome.duplicates, items)


def _upgrade_url(meterer: UsageRecorder, meter: str, quantity: str, facts: Mapping[str, Any]) -> str:
    held = Decimal(facts["used"]) + Decimal(facts["reserved"])
    return upgrade_url(meterer.pool, meter, facts["span"], held=held, refused=Decimal(quantity))


def _words(each: Refusal, event: Event) -> str:
    return each.detail or detail(each.code, event, each.quantity, each.facts)
