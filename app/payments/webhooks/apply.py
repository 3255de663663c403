"""Applies an event from the inbox: refuses foreign ones, finds the org, retrieves from Stripe, syncs, records."""

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
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800))
OUTCOMES = Counter("tollkeeper_stripe_events_total", "Outcomes of inbox events", ["outcome"])
log = structlog.get_logger()


def apply_event(event_id: str) -> None:
    """Apply an event once; settled events are left alone. A failure is recorded on the row and retried later.

    After five tries in about forty minutes it is left for staff as failed, or parked if its owner is unknown. While
    Stripe or the database is away, it is retried every half hour without end.
    """
    with transaction() as session:
        event = inbox.find_event(session, event_id)
    if event is None or event.state != "received":
        return
    try:
        outcome = _process(event)
    except Exception as error:  # noqa: BLE001  (recorded on the row and retried)
        discard_failed_transaction()
        outcome = _record_failure(event, error)
    OUTCOMES.labels(outcome).inc()


def find_refusal(event: InboxRecord, settings: Settings) -> str | None:
    """Explain why an event is not for this installation; None if it is.

    Events are rendered in their endpoint's API version, but those fetched from Stripe in the account's at that time,
    whichever version the call names. Of these, and of those that staff replay, only ids are read, which stay in place.
    Rule: https://docs.stripe.com/api/events/list
    """
    if event.livemode != settings.stripe_livemode:
        return f"The event is in {'live' if event.livemode else 'test'} mode, but our key is not."
    if event.account not in {None, settings.stripe_account}:
        return "The event belongs to another account."
    if event.api_version != API_VERSION and not event.is_hint:
        version = event.api_version or "none"
        return f"The event uses API version {version}; set the endpoint to {API_VERSION}, then replay the event."
    return None


def _process(event: InboxRecord) -> str:
    refusal = find_refusal(event, runtime().settings)
    if refusal is not None:
        log.error("stripe event refused", event_id=event.id, type=event.type, reason=refusal)
        return _settle(event, "refused", refusal)
    if event.type in ALERTED:
        log.error("stripe event needs attention", event_id=event.id, type=event.type, object_id=event.object_id)
    handler = HANDLERS.get(event.type)
    if handler is None:
        return _settle(event, "ignored", IGNORED.get(event.type, UNKNOWN_TYPE))
    return _handle(handler, event, business_now())


def _handle(handler: Handler, event: InboxRecord, now: datetime) -> str:
    gw = get_gateway()
    org_id = get_owner(gw, event)
    with org_lock(org_id):
        retrieved = handler(gw, org_id, event)
        with transaction() as session:
            retrieve.sync_retrieved(session, org_id, retrieved, now)
            unapplied = retrieve.describe_unapplied(session, retrieved)
            inbox.record_outcome(session, event.id, "applied", org_id=org_id, reason=unapplied, now=now)
    return "applied"


def _settle(event: InboxRecord, state: str, reason: str) -> str:
    with transaction() as session:
        inbox.record_outcome(session, event.id, state, reason=reason, now=business_now())
    return state


def _record_failure(event: InboxRecord, error: Exception) -> str:
    """Record a failure: class and message of our own errors; only the class of others, whose text may hold values."""
    reason = f"{type(error).__name__}: {error.detail}" if isinstance(error, DomainError) else type(error).__name__
    tried = event.attempts + 1
    log.warning("stripe event not applied", event_id=event.id, type=event.type, tries=tried, error=type(error).__name__)
    if tried >= TRIES and not isinstance(error, Unavailable):
        return _settle(event, "parked" if isinstance(error, UnknownOwner) else "failed", reason)
    pause = PAUSES[min(tried, len(PAUSES)) - 1]
    with transaction() as session:
        inbox.record_failure(session, event.id, reason, retry_at=wall_now() + pause)
    return "missed"
