"""Lets changes that staff planned take effect, and takes them back. Each organisation has its own transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.kit.actor import Actor
from app.metering.verification.move import move_usage
from app.payments import queries
from app.payments.plan_changes.emails import queue_change_emails
from app.payments.plan_changes.plan_ahead import undo_planned
from app.subscriptions.changes.models import STAFF
from app.subscriptions.changes.moves import apply_due, list_due, undo_move
from app.subscriptions.changes.planned import find_planned
from app.subscriptions.periods import lock_usage
from app.web.database import transaction
from app.web.sweeps import run_each

MOST = 500


def apply_moves(now: datetime) -> int:
    """Apply what is due; returns for how many organisations. A failure is logged and tried again in the next run."""
    with transaction() as session:
        due = list_due(session, now, MOST)
    return run_each(due, lambda org_id: apply_org(org_id, now), "a staff move was not applied")


def apply_org(org_id: UUID, now: datetime) -> None:
    """Apply what is due for one organisation, and move its usage where its periods moved."""
    with transaction() as session:
        lock_usage(session, org_id)
        moved_from = apply_due(session, org_id, now)
        if moved_from is not None:
            move_usage(session, org_id, moved_from, now)


def undo_staff_move(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Take back what staff planned for an organisation, at Stripe too; False if nothing is planned. It is told.

    Opens its own transactions. Raises `Conflict` once it has begun to take effect, `Unavailable` (Stripe is away).
    """
    with transaction() as session:
        lock_usage(session, org_id)
        planned = find_planned(session, org_id)
        if planned is None or planned.origin != STAFF:
            return False
        at_stripe = planned.schedule_ref is not None and queries.find_open_subscription(session, org_id) is not None
        if not at_stripe:
            undo_move(session, planned, now, actor=actor)
            queue_change_emails(session, org_id, now)
            return True
    return undo_planned(org_id, actor=actor, now=now, origin=STAFF)
