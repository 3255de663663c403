"""Applying an event of the inbox: refuse what is not for us, find the org, ask Stripe, write, note the outcome."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter

from app.kit.errors import DomainError, Unavailable
from app.payments.errors import UnknownOwner
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.webhooks import inbox
from app.payments.webhooks.handlers import ALERTED, HANDLERS, IGNORED, UNKNOWN_TYPE, Handler
from app.payments.webhooks.inbox import InboxRecord
from app.payments.webhooks.owners import get_owner
from app.settings import Settings
from app.stripe_gateway.gateway import API_VERSION
from app.web.database import discard_failed_transaction, transaction
from app.web.runtime import business_now, runtime, wall_now

TRIES = 5
PAUSES = tuple(timedelta(seconds=each) for each in (10, 60, 300, 1800))
OUTCOMES = Counter("tollkeeper_stripe_events_total", "What became of events in the inbox", ["outcome"])
log = structlog.get_logger()


def apply_event(event_id: str) -> None:
    """Apply an event once; what is settled is left alone. A failure is kept on its row and tried again later.

    Five tries in some forty minutes, then it waits for a person as failed, or as parked when its owner is unknown.
    While Stripe or the database is away it is tried on, every half hour.
    """
    with transaction() as session:
        seen = inbox.find_event(session, event_id)
    if seen is None or seen.state != "received":
        return
    try:
        outcome = _outcome(seen)
    except Exception as error:  # noqa: BLE001  (whatever it was is kept on the row, shown, and tried again)
        discard_failed_transaction()
        outcome = _missed(seen, error)
    OUTCOMES.labels(outcome).inc()


def find_refusal(seen: InboxRecord, settings: Settings) -> str | None:
    """Why an event is not for this installation, in words; None when it is."""
    if seen.livemode != settings.stripe_livemode:
        return f"The event is of {'live' if seen.livemode else 'test'} mode, our key is not."
    if seen.account not in {None, settings.stripe_account}:
        return "The event is of another account."
    if seen.api_version != API_VERSION:
        return f"The event is written in version {seen.api_version or 'none'}; the endpoint must have {API_VERSION}."
    return None


def _outcome(seen: InboxRecord) -> str:
    refused = find_refusal(seen, runtime().settings)
    if refused is not None:
        log.error("stripe event refused", event_id=seen.id, type=seen.type, reason=refused)
        return _settle(seen, "refused", refused)
    if seen.type in ALERTED:
        log.error("stripe event needs a person", event_id=seen.id, type=seen.type, object_id=seen.object_id)
    handler = HANDLERS.get(seen.type)
    if handler is None:
        return _settle(seen, "ignored", IGNORED.get(seen.type, UNKNOWN_TYPE))
    return _handle(handler, seen, business_now())


def _handle(handler: Handler, seen: InboxRecord, now: datetime) -> str:
    gw = get_gateway()
    org_id = get_owner(gw, seen)
    with org_lock(org_id):
        found = handler(gw, org_id, seen)
        with transaction() as session:
            retrieve.sync_retrieved(session, org_id, found, now)
            inbox.record_outcome(session, seen.id, "applied", org_id=org_id, now=now)
    return "applied"


def _settle(seen: InboxRecord, state: str, words: str) -> str:
    with transaction() as session:
        inbox.record_outcome(session, seen.id, state, words=words, now=business_now())
    return state


def _missed(seen: InboxRecord, error: Exception) -> str:
    """Keep a failure: its class and its words; the database's words stay behind, they may hold values."""
    words = f"{type(error).__name__}: {error.detail}" if isinstance(error, DomainError) else type(error).__name__
    tried = seen.attempts + 1
    log.warning("stripe event not applied", event_id=seen.id, type=seen.type, tries=tried, error=type(error).__name__)
    if tried >= TRIES and not isinstance(error, Unavailable):
        return _settle(seen, "parked" if isinstance(error, UnknownOwner) else "failed", words)
    pause = PAUSES[min(tried, len(PAUSES)) - 1]
    with transaction() as session:
        inbox.record_failure(session, seen.id, words, again_at=wall_now() + pause)
    return "missed"
