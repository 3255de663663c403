"""The inbox: every event stored once as received, with its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import NotFound
from app.kit.postgres.hot_statement import HotStatement
from app.kit.postgres.pool import HotPool
from app.kit.queue import defer
from app.payments.webhooks import redaction
from app.payments.webhooks.envelope import Envelope, clean_text, find_customer_id
from app.payments.webhooks.models import InboxEvent

TASK = "payments.apply"
UNSETTLED = ("received", "parked", "failed", "refused")
_RECEIVE = HotStatement("SELECT stripe_receive(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", writes=True)
_LOST = text("""
    SELECT e.id FROM stripe_inbox e
    WHERE (e.state = 'received' AND e.received_at <= :before
           AND NOT EXISTS (SELECT 1 FROM queue_jobs j
                           WHERE j.task_name = 'payments.apply' AND j.args ->> 'event_id' = e.id
                             AND j.status = 'todo'))
       OR (e.state = 'parked' AND EXISTS (SELECT 1 FROM stripe_customers c WHERE c.id = e.customer_id))
    ORDER BY e.received_at LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """A stored event as plain values.

    `is_hint`: fetched from Stripe or replayed by staff, so that only the ids in it are read, whatever its API version.
    """

    id: str
    type: str
    state: str
    attempts: int
    object_id: str | None
    customer_id: str | None
    org_id: UUID | None
    livemode: bool
    account: str | None
    api_version: str | None
    is_hint: bool
    object: dict[str, Any]


def receive_event(pool: HotPool, envelope: Envelope, body: dict[str, Any], *, source: str, now: datetime) -> bool:
    """Store an event and queue its task in one statement; False if it is already stored and was not refused.

    `source` is webhook or reconcile. Raises `Unavailable` when the database is away; storing it again is safe.
    """
    about = envelope.data.object
    row = (
        clean_text(envelope.id), clean_text(envelope.type), clean_text(envelope.api_version), envelope.livemode,
        clean_text(envelope.account), clean_text(about.get("object")) or "unknown", clean_text(about.get("id")),
        find_customer_id(envelope.data), source,
        msgspec.json.encode(redaction.redact_body(body)).decode(), datetime.fromtimestamp(envelope.created, UTC), now,
    )  # fmt: skip
    return bool(pool.rows(_RECEIVE, row)[0][0])


def find_event(session: Session, event_id: str) -> InboxRecord | None:
    """Find an event as plain values, which survive a commit."""
    row = session.get(InboxEvent, event_id)
    if row is None:
        return None
    return InboxRecord(
        row.id, row.type, row.state, row.attempts, row.object_id, row.customer_id, row.org_id, row.livemode,
        row.account, row.api_version, row.source == "reconcile" or row.replayed_at is not None,
        row.body.get("data", {}).get("object", {}),
    )  # fmt: skip


def record_outcome(
    session: Session, event_id: str, state: str, *, now: datetime, org_id: UUID | None = None, reason: str | None = None
) -> None:
    """Record the outcome of an event: applied, or ignored, refused, parked or failed with a reason.

    The reason of an applied event says what of it could not be applied.

    Does nothing if a concurrent try has already settled the event.
    """
    row = _get_locked(session, event_id)
    if row.state != "received":
        return
    row.state, row.settled_at = state, now
    row.attempts += 1
    row.org_id = org_id or row.org_id
    row.error = redaction.redact_text(reason) if reason else None


def record_failure(session: Session, event_id: str, reason: str, *, retry_at: datetime) -> None:
    """Record a failed try and queue the next one at `retry_at` (wall clock).

    The retry is queued without the customer's queue lock, so it does not hold up the customer's other events. Does
    nothing if a concurrent try has already settled the event.
    """
    row = _get_locked(session, event_id)
    if row.state != "received":
        return
    row.attempts += 1
    row.error = redaction.redact_text(reason)
    defer(session, TASK, at=retry_at, event_id=event_id)


def reopen(session: Session, event_id: str, *, actor: Actor, now: datetime) -> InboxEvent:
    """Reset an event and queue it again, whatever its outcome was; it is judged anew. Audited. Raises `NotFound`."""
    row = _get_locked(session, event_id)
    before = {"state": row.state, "attempts": row.attempts}
    row.state, row.attempts, row.settled_at, row.replayed_at = "received", 0, None, now
    defer(session, TASK, event_id=event_id)
    audit(session, actor, "stripe_event.replayed", on=("stripe_event", row.id), org_id=row.org_id,
          before=before, after={"state": "received"}, now=now)  # fmt: skip
    return row


def requeue_lost(session: Session, *, now: datetime, older_than: timedelta, limit: int) -> int:
    """Requeue events whose task was lost with a killed worker, and parked ones whose customer is now known."""
    event_ids = list(session.scalars(_LOST, {"before": now - older_than, "most": limit}))
    if event_ids:
        parked = update(InboxEvent).where(InboxEvent.id.in_(event_ids), InboxEvent.state == "parked")
        session.execute(parked.values(state="received", attempts=0, settled_at=None))
    for event_id in event_ids:
        defer(session, TASK, event_id=event_id)
    return len(event_ids)


def count_unsettled(session: Session) -> dict[str, int]:
    """Count the events that are waiting or need attention, by state."""
    query = select(InboxEvent.state, func.count()).where(InboxEvent.state.in_(UNSETTLED)).group_by(InboxEvent.state)
    return {state: count for state, count in session.execute(query)}  # noqa: C416  (mypy does not see rows as tuples)


def _get_locked(session: Session, event_id: str) -> InboxEvent:
    row = session.get(InboxEvent, event_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such event.")
    return row
