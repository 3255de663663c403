"""Rows of confirmed changes: written before Stripe is asked, settled by what its subscription says afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import NotFound
from app.kit.ids import new_id
from app.payments import billing_records
from app.payments.models import BillingRecord, StripeSubscription
from app.payments.plan_changes.make_quote import QuotedChange
from app.payments.plan_changes.models import PlanChangeAttempt
from app.subscriptions.changes.models import REPLACED, UNDONE
from app.subscriptions.changes.planned import end_planned, find_planned
from app.subscriptions.models import Subscription

NOT_DONE = "The change was not made, and nothing was charged."
LAPSED = "The change was not paid in time and was dropped."


def find_attempt(session: Session, org_id: UUID, quote_id: UUID) -> PlanChangeAttempt | None:
    """Find the attempt of a quote."""
    query = select(PlanChangeAttempt).where(PlanChangeAttempt.org_id == org_id, PlanChangeAttempt.id == quote_id)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def find_applied(session: Session, opened: Subscription, now: datetime) -> PlanChangeAttempt | None:
    """Find the confirmed change that was applied at `now` and brought a subscription of ours."""
    query = select(PlanChangeAttempt).where(
        PlanChangeAttempt.org_id == opened.org_id,
        PlanChangeAttempt.plan_version_id == opened.plan_version_id,
        PlanChangeAttempt.interval == opened.interval,
        PlanChangeAttempt.state == "applied",
        PlanChangeAttempt.settled_at == now,
    )
    return session.scalars(query.order_by(PlanChangeAttempt.asked_at.desc())).first()


def list_news(session: Session, org_id: UUID, now: datetime) -> Sequence[PlanChangeAttempt]:
    """List the changes of an org that wait for their payment, and those that lapsed at `now`."""
    lapsed = and_(PlanChangeAttempt.state == "lapsed", PlanChangeAttempt.settled_at == now)
    query = select(PlanChangeAttempt).where(
        PlanChangeAttempt.org_id == org_id, or_(PlanChangeAttempt.state == "waiting", lapsed)
    )
    return session.scalars(query.order_by(PlanChangeAttempt.asked_at)).all()


def get_attempt(session: Session, org_id: UUID, quote_id: UUID) -> PlanChangeAttempt:
    """Get the attempt of a quote; raises `NotFound`."""
    row = find_attempt(session, org_id, quote_id)
    if row is None:
        raise NotFound("There is no such change.")
    return row


def get_plan_name(session: Session, plan_version_id: UUID) -> str:
    """The name of a version's plan."""
    plan = catalog.find_plan_of_version(session, plan_version_id)
    return str(plan.name) if plan else "the plan"


def record_attempt(
    session: Session, quoted: QuotedChange, quote_id: UUID, *, actor: Actor, now: datetime
) -> PlanChangeAttempt:
    """Store the change that is about to be asked for, with its pending billing record if money will move. Audited."""
    quote = quoted.quote
    row = PlanChangeAttempt(
        id=quote_id, org_id=quote.org_id, stripe_subscription_id=quote.stripe_id, plan_version_id=quote.version_id,
        interval=quote.interval, currency=quote.currency, price_id=quote.price_id, amount=quote.amount_due,
        expected=quoted.expected, previewed=quoted.previewed, drifts=quoted.drifts, prorated_at=quote.at, state="asked",
        asked_by=actor.id, asked_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if quote.amount_due > 0:
        session.add(_build_record(session, row, now))
    after = {"plan": quote.plan, "interval": quote.interval, "amount": quote.amount_due, "currency": quote.currency}
    audit(session, actor, "subscription.change_confirmed", on=("plan_change", row.id), org_id=quote.org_id,
          after=after, now=now)  # fmt: skip
    session.flush()
    return row


def settle_attempts(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    """Settle the open change of a subscription by its mirror: applied, waiting for its payment, or lapsed.

    A change of which the subscription knows nothing may still be under way; `drop_attempt` is for who knows better.
    """
    query = select(PlanChangeAttempt).where(
        PlanChangeAttempt.stripe_subscription_id == mirror.id, PlanChangeAttempt.settled_at.is_(None)
    )
    row = session.scalars(query).one_or_none()
    if row is None:
        return
    if mirror.price_id == row.price_id:
        _settle(row, "applied", None, mirror.latest_invoice_id, now)
    elif mirror.pending_price_id == row.price_id:
        row.state, row.invoice_id = "waiting", row.invoice_id or mirror.latest_invoice_id
    elif row.state == "waiting" or mirror.ended_at is not None:
        _settle(row, "lapsed", LAPSED, None, now)
        _fail_record(session, row, LAPSED, now)
    session.flush()


def drop_unmirrored(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    """End the planned change of an organisation whose schedule was released at Stripe, by whomever.

    If it was released to make way for a cancellation, that has to have been planned.
    """
    planned = find_planned(session, mirror.org_id)
    if planned is None or planned.subscription_id != mirror.subscription_id:
        return
    if planned.released_at is not None:
        if mirror.cancel_at is not None:
            end_planned(session, planned, REPLACED, now)
    elif planned.schedule_ref not in {None, mirror.schedule_id}:
        end_planned(session, planned, UNDONE, now)


def drop_attempt(session: Session, row: PlanChangeAttempt, reason: str, now: datetime) -> None:
    """Settle a change that Stripe has not made and will not make any more; its pending record fails with it."""
    if row.state == "asked":
        _settle(row, "failed", reason, None, now)
        _fail_record(session, row, reason, now)
        session.flush()


def find_record_to_bill(session: Session, org_id: UUID, stripe_subscription_id: str) -> BillingRecord | None:
    """Find the record of a change of the subscription that no invoice is linked with yet: the next one is its."""
    query = (
        select(BillingRecord)
        .join(PlanChangeAttempt, PlanChangeAttempt.id == BillingRecord.plan_change_id)
        .where(
            BillingRecord.org_id == org_id,
            BillingRecord.invoice_id.is_(None),
            BillingRecord.state == "pending",
            PlanChangeAttempt.stripe_subscription_id == stripe_subscription_id,
            PlanChangeAttempt.state != "failed",
        )
        .order_by(BillingRecord.created_at.desc())
    )
    return session.scalars(query).first()


def _build_record(session: Session, row: PlanChangeAttempt, now: datetime) -> BillingRecord:
    plan = billing_records.describe_plan(session, row.plan_version_id, row.interval)
    return BillingRecord(
        id=new_id(), org_id=row.org_id, state="pending", reason="subscription_change", description=plan,
        amount=row.amount, refunded=0, currency=row.currency, plan_change_id=row.id, created_at=now,
    )  # fmt: skip


def _settle(row: PlanChangeAttempt, state: str, failure: str | None, invoice_id: str | None, now: datetime) -> None:
    row.state, row.failure, row.settled_at = state, failure, now
    row.invoice_id = row.invoice_id or invoice_id


def _fail_record(session: Session, row: PlanChangeAttempt, reason: str, now: datetime) -> None:
    record = session.scalars(select(BillingRecord).where(BillingRecord.plan_change_id == row.id)).one_or_none()
    if record is not None and record.state == "pending":
        billing_records.fail(record, at=now, code="not_paid", words=reason)
