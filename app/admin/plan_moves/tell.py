"""Tells an organisation of a move: which version, from when, and every term that differs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.notifications.service import notify
from app.statements.moves import describe_move
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.models import Subscription


def tell_move(session: Session, row: PlannedChange, current: Subscription, now: datetime) -> None:
    """Email the people who get billing mail, once a move. Queued with the caller's commit."""
    move = describe_move(session, row, current)
    facts = {
        "was": f"{move.before.name}, version {move.before.number}",
        "plan": f"{move.after.name}, version {move.after.number}",
        "at_once": move.first_at <= now,
        "fee_at": move.fee_at,
        "usage_at": move.usage_at,
        "at_stripe": current.collection == "stripe",
        "together": move.fee_at == move.usage_at,
        "differences": [[each.label, *each.cells] for each in move.rows],
    }
    notify(session, row.org_id, "move_planned", facts, key=str(row.id), now=now, copies=True)
