"""Voids an event: its quantity no longer counts, in the period, day and month in which it happened."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotFound
from app.kit.money import plain
from app.metering.recording.fingerprint import derive_key
from app.metering.verification import move
from app.subscriptions import periods

OLDEST = timedelta(days=400)
"""How old usage may be that is voided. Voids change invoices, which are kept open for corrections this long."""

_VOID = text("""
SELECT * FROM usage_void(org => :org, voided => :voided, at => :at, oldest => :oldest, salt => :salt,
                         details => CAST(:details AS jsonb))
""")


@dataclass(frozen=True, slots=True)
class VoidedUsage:
    """What was voided. `again`: it was before, and nothing changed. `closed`: its usage period was billed already."""

    meter_id: int
    quantity: Decimal
    occurred_at: datetime
    closed: bool
    again: bool


def void_event(
    session: Session, org_id: UUID, event_id: str, reason: str, *, actor: Actor, now: datetime
) -> VoidedUsage:
    """Void an event of the org by its id. Repeating it is safe; audited.

    The close of the next period bills the difference to what a closed one was billed. Raises `NotFound`, and `Conflict`
    (`period_open` for a maximum or distinct values of an open period, `void_too_old`).
    """
    periods.lock_usage(session, org_id)
    key = UUID(derive_key(event_id))
    row = write_void(session, org_id, key, reason, actor=actor, now=now)
    if row.outcome == "unknown":
        raise NotFound("There is no recorded event with this id.")
    if row.outcome == "period_open":
        raise Conflict("The usage period of this event is still open.", code="period_open")
    if row.outcome == "too_old":
        raise Conflict("Usage can be voided for 400 days after it happened.", code="void_too_old")
    if row.outcome == "voided":
        settle_counters(session, org_id)
        audit(session, actor, "usage.voided", on=("event", key), org_id=org_id,
              before={"quantity": plain(row.quantity), "occurred_at": row.occurred_at}, after={"reason": reason},
              now=now)  # fmt: skip
    return VoidedUsage(row.meter, row.quantity, row.occurred_at, row.closed, row.outcome == "again")


def write_void(session: Session, org_id: UUID, key: UUID, reason: str, *, actor: Actor, now: datetime) -> Row[Any]:
    """Write the void of an event by its key, as `usage_void` does. The caller has the usage lock, and settles after."""
    details = {"reason": reason, "actor": actor.kind, "actor_id": str(actor.id) if actor.id else None}
    return session.execute(
        _VOID,
        {
            "org": org_id, "voided": key, "at": now, "oldest": now - OLDEST,
            "salt": secrets.token_bytes(16), "details": msgspec.json.encode(details).decode(),
        },
    ).one()  # fmt: skip


def settle_counters(session: Session, org_id: UUID) -> None:
    """Count maxima and distinct values anew, at once unless the period is large; the worker settles those."""
    for counter in move.list_unsettled(session, org_id, most_events=move.AT_ONCE):
        reading = move.begin(session, counter)
        reading.read(session, counter.starts_at, counter.ends_at)
        move.write(session, reading)
