"""The inbox: every event once, as it came in, with what became of it."""

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
from app.kit.hot_statement import HotStatement
from app.kit.pool import HotPool
from app.kit.queue import defer
from app.payments.models import InboxEvent
from app.payments.webhooks import redaction
from app.payments.webhooks.envelope import Envelope, clean_text, find_customer_id

TASK = "payments.apply"
UNSETTLED = ("received", "parked", "failed", "refused")
_RECEIVE = HotStatement("SELECT stripe_receive(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)")
_FORGOTTEN = text("""
    SELECT e.id FROM stripe_inbox e
    WHERE (e.state = 'received' AND e.received_at <= :before
           AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j
                           WHERE j.task_name = 'payments.apply' AND j.args ->> 'event_id' = e.id
                             AND j.status = 'todo'))
       OR (e.state = 'parked' AND EXISTS (SELECT 1 FROM stripe_customers c WHERE c.id = e.customer_id))
    ORDER BY e.received_at LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """An event as it lies in the inbox."""

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
    object: dict[str, Any]


def receive_event(
    pool: HotPool, envelope: Envelope, whole: dict[str, Any], *, source: str, now: datetime
) -> bool:
    """Store an event and put its task into the queue, in one statement; False when it is known already.

    `source` is webhook or reconcile. Raises `Unavailable` when the database is away: nothing was stored.
    """
    about = envelope.data.object
    row = (
        clean_text(envelope.id), clean_text(envelope.type), clean_text(envelope.api_version), envelope.livemode,
        clean_text(envelope.account),
        clean_text(about.get("object")) or "unknown", clean_text(about.get("id")), find_customer_id(envelope.data), source,
        msgspec.json.encode(redaction.redact_body(whole)).decode(), datetime.fromtimestamp(envelope.created, UTC), now,
    )  # fmt: skip
    return bool(pool.rows(_RECEIVE, row)[0][0])


def find_event(session: Session, event_id: str) -> InboxRecord | None:
    """An event as plain facts, which no commit expires."""
    row = session.get(InboxEvent, event_id)
    if row is None:
        return None
    return InboxRecord(
        row.id, row.type, row.state, row.attempts, row.object_id, row.customer_id, row.org_id, row.livemode,
        row.account, row.api_version, row.body.get("data", {}).get("object", {}),
    )  # fmt: skip


def record_outcome(
    session: Session, event_id: str, state: str, *, now: datetime, org_id: UUID | None = None, words: str | None = None
) -> None:
    """Note what became of an event: applied, or ignored, refused, parked, failed with the reason in words.

    Once: of two tries at the same time, the later one leaves alone what the first has settled.
    """
    row = _row(session, event_id)
    if row.state != "received":
        return
    row.state, row.settled_at = state, now
    row.attempts += 1
    row.org_id = org_id or row.org_id
    row.error = redaction.redact_words(words) if words else None


def record_failure(session: Session, event_id: str, words: str, *, again_at: datetime) -> None:
    """Note a try that failed, and put the next one into the queue (wall clock).

    The next one waits without the customer's queue lock, so that it holds up nothing else of the customer. Nothing
    is to be tried again when another try has settled it meanwhile.
    """
    row = _row(session, event_id)
    if row.state != "received":
        return
    row.attempts += 1
    row.error = redaction.redact_words(words)
    defer(session, TASK, at=again_at, event_id=event_id)


def reopen(session: Session, event_id: str, *, actor: Actor, now: datetime) -> InboxEvent:
    """Have an event applied again from the start, whatever became of it. Audited. Raises `NotFound`."""
    row = _row(session, event_id)
    before = {"state": row.state, "attempts": row.attempts}
    row.state, row.attempts, row.settled_at = "received", 0, None
    defer(session, TASK, event_id=event_id)
    audit(session, actor, "stripe_event.replayed", on=("stripe_event", row.id), org_id=row.org_id,
          before=before, after={"state": "received"}, now=now)  # fmt: skip
    return row


def reopen_failed(session: Session, *, now: datetime, older_than: timedelta, most: int) -> int:
    """Put tasks back that were lost with a killed worker, and those of parked events whose customer is known by now."""
    chosen = list(session.scalars(_FORGOTTEN, {"before": now - older_than, "most": most}))
    if chosen:
        parked = update(InboxEvent).where(InboxEvent.id.in_(chosen), InboxEvent.state == "parked")
        session.execute(parked.values(state="received", attempts=0, settled_at=None))
    for event_id in chosen:
        defer(session, TASK, event_id=event_id)
    return len(chosen)


def get_event(session: Session, event_id: str) -> InboxEvent:
    """An event, for staff; `NotFound` otherwise."""
    found = session.get(InboxEvent, event_id)
    if found is None:
        raise NotFound("There is no such event.")
    return found


def count_unsettled(session: Session) -> dict[str, int]:
    """How many events wait or need a person, by state."""
    counted = select(InboxEvent.state, func.count()).where(InboxEvent.state.in_(UNSETTLED)).group_by(InboxEvent.state)
    return {state: count for state, count in session.execute(counted)}  # noqa: C416  (rows are no tuples to mypy)


def _row(session: Session, event_id: str) -> InboxEvent:
    row = session.get(InboxEvent, event_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such event.")
    return row
