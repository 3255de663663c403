"""Dunning steps after a failed renewal: emails during the grace period, the Free plan's limits after it.

Payment ends both. The business clock decides: a row says when its next email is due, and a sweep picks it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.payments.dunning import emails
from app.payments.dunning.models import Dunning
from app.payments.models import StripeSubscription
from app.subscriptions import payment_restriction, periods
from app.web.runtime import runtime

REMINDERS = (timedelta(days=3), timedelta(days=5))


@dataclass(frozen=True, slots=True)
class DunningStep:
    """An email of a dunning and when it is due."""

    at: datetime
    template: str


def open_dunning(session: Session, stripe_subscription: StripeSubscription, now: datetime) -> None:
    """Open a dunning for a failed renewal and start the grace period. Does nothing if one is already open.

    A Stripe subscription that grants nothing (an org's second) gets none.
    """
    if stripe_subscription.subscription_id is None:
        return
    session.flush()
    values = {
        "id": new_id(),
        "org_id": stripe_subscription.org_id,
        "stripe_subscription_id": stripe_subscription.id,
        "started_at": now,
        "next_mail_at": now,
        "grace_ends_at": now + runtime().settings.grace,
    }
    ensure_one = insert(Dunning).on_conflict_do_nothing(
        index_elements=["stripe_subscription_id"], index_where=text("ended_at IS NULL")
    )
    session.execute(ensure_one.values(values))


def close_dunning(session: Session, stripe_subscription: StripeSubscription, outcome: str, now: datetime) -> None:
    """Close the dunning: `recovered` restores the limits and sends an email; `ended` only stops it. Safe to repeat."""
    row = _lock_open(session, Dunning.stripe_subscription_id == stripe_subscription.id)
    if row is None:
        return
    row.ended_at, row.outcome, row.next_mail_at = now, outcome, None
    session.flush()
    if outcome == "recovered":
        payment_restriction.lift_restriction(session, row.org_id, now)
        if row.mails:  # no all-clear if no failure was ever announced
            emails.queue_recovered(session, row, now)


def list_due(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """List dunnings with an email due, most urgent first. The last email of a dunning ends its grace period."""
    waiting = select(Dunning.id).where(Dunning.ended_at.is_(None), Dunning.next_mail_at <= now)
    return session.scalars(waiting.order_by(Dunning.next_mail_at).limit(limit)).all()


def find_next_due(session: Session, after: datetime, until: datetime) -> datetime | None:
    """When the next email of a dunning is due, if that is after `after` and by `until`."""
    ahead = select(func.min(Dunning.next_mail_at)).where(Dunning.ended_at.is_(None))
    return session.scalar(ahead.where(Dunning.next_mail_at > after, Dunning.next_mail_at <= until))


def advance_dunning(session: Session, dunning_id: UUID, now: datetime) -> None:
    """Take the dunning's due step: send only the newest due email; restrict the org once the grace period is over.

    Safe to race and repeat. Takes the org's usage lock before the row, in the same order as syncing a subscription.
    """
    unlocked = session.get_one(Dunning, dunning_id)
    if unlocked.grace_ends_at <= now:
        periods.lock_usage(session, unlocked.org_id)
    row = _lock_open(session, Dunning.id == dunning_id)
    if row is None:
        return
    due_steps = list_steps(row)
    done = sum(step.at <= now for step in due_steps)
    if done <= row.mails:
        return
    row.mails, row.next_mail_at = done, due_steps[done].at if done < len(due_steps) else None
    if row.grace_ends_at <= now:
        row.limited_at = now
        payment_restriction.restrict(session, row.org_id, now)
    session.flush()
    emails.queue_reminder(session, row, due_steps[done - 1].template, done, now)


def list_steps(row: Dunning) -> list[DunningStep]:
    """List a dunning's emails in order: at once, on days 3 and 5 of the grace period, and when it is over."""
    reminders = [row.started_at + after for after in REMINDERS]
    return [
        DunningStep(row.started_at, "payment_failed"),
        *(DunningStep(at, "payment_reminder") for at in reminders if at < row.grace_ends_at),
        DunningStep(row.grace_ends_at, "grace_over"),
    ]


def _lock_open(session: Session, which: ColumnElement[bool]) -> Dunning | None:
    """Lock and refresh the open dunning."""
    query = select(Dunning).where(which, Dunning.ended_at.is_(None)).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()
