"""A failed renewal: mails while the grace runs, the Free plan's limits after it, and both taken back by payment.

The business clock rules it: a row says when the next mail is due, and a sweep finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.payments.dunning import emails
from app.payments.models import Dunning, StripeSubscription
from app.subscriptions import payment_restriction, periods
from app.web.runtime import runtime

REMINDERS = (timedelta(days=3), timedelta(days=5))


@dataclass(frozen=True, slots=True)
class DunningStep:
    """A mail of a dunning and when it is due."""

    at: datetime
    template: str


def open_dunning(session: Session, stripe_subscription: StripeSubscription, now: datetime) -> None:
    """A renewal failed: the grace runs from now on, mails are due. Repeating it changes nothing while it runs.

    A subscription of Stripe's that grants nothing (the second of an org) has no dunning.
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
    one_runs = insert(Dunning).on_conflict_do_nothing(
        index_elements=["stripe_subscription_id"], index_where=text("ended_at IS NULL")
    )
    session.execute(one_runs.values(values))


def close_dunning(session: Session, stripe_subscription: StripeSubscription, outcome: str, now: datetime) -> None:
    """It is over: `recovered` gives the limits back and says so by mail; `ended` stops the mails. Safe to repeat."""
    row = _locked(session, Dunning.stripe_subscription_id == stripe_subscription.id)
    if row is None:
        return
    row.ended_at, row.outcome, row.next_mail_at = now, outcome, None
    session.flush()
    if outcome == "recovered":
        payment_restriction.lift_restriction(session, row.org_id, now)
        if row.mails:  # who was told of no failure needs no all-clear
            emails.queue_recovered(session, row, now)


def list_due(session: Session, now: datetime, most: int) -> Sequence[UUID]:
    """The dunnings that have a mail to send, the last of which ends the grace; the most urgent first."""
    waiting = select(Dunning.id).where(Dunning.ended_at.is_(None), Dunning.next_mail_at <= now)
    return session.scalars(waiting.order_by(Dunning.next_mail_at).limit(most)).all()


def advance_dunning(session: Session, dunning_id: UUID, now: datetime) -> None:
    """Do what is due of one: of several mails the newest only; once the grace is over, limit. Safe to race and repeat.

    Takes the org's usage lock before the row, as the sync of its subscription does.
    """
    seen = session.get_one(Dunning, dunning_id)
    if seen.grace_ends_at <= now:
        periods.lock_usage(session, seen.org_id)
    row = _locked(session, Dunning.id == dunning_id)
    if row is None:
        return
    plan = list_steps(row)
    done = sum(step.at <= now for step in plan)
    if done <= row.mails:
        return
    row.mails, row.next_mail_at = done, plan[done].at if done < len(plan) else None
    if row.grace_ends_at <= now:
        row.limited_at = now
        payment_restriction.restrict(session, row.org_id, now)
    session.flush()
    emails.queue_reminder(session, row, plan[done - 1].template, done, now)


def list_steps(row: Dunning) -> list[DunningStep]:
    """Its mails in order: at once, on day 3 and 5 while the grace runs, and when it is over."""
    reminders = [row.started_at + after for after in REMINDERS]
    return [
        DunningStep(row.started_at, "payment_failed"),
        *(DunningStep(at, "payment_reminder") for at in reminders if at < row.grace_ends_at),
        DunningStep(row.grace_ends_at, "grace_over"),
    ]


def _locked(session: Session, which: ColumnElement[bool]) -> Dunning | None:
    """The running one, locked and read anew."""
    asked = select(Dunning).where(which, Dunning.ended_at.is_(None)).with_for_update()
    return session.scalars(asked.execution_options(populate_existing=True)).one_or_none()
