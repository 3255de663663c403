"""From rows to what the billing calls answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import PlanVersion
from app.kit.errors import DomainError, Unavailable
from app.payments import queries
from app.payments.gateway import gateway, payments_on
from app.payments.models import BillingRecord, StripeCustomer
from app.payments.schemas import (
    BillingAnswer,
    CardShown,
    NextInvoice,
    Overdue,
    PlanHeld,
    RecordOut,
    Span,
    SubscriptionAnswer,
)
from app.stripe_gateway import invoices
from app.subscriptions import queries as subscriptions
from app.subscriptions.models import Subscription
from app.web.database import end_read_transaction


def subscription_answer(session: Session, org_id: UUID, now: datetime) -> SubscriptionAnswer:
    """What the org is on now; the default plan too is an answer."""
    version = catalog.find_version(session, subscriptions.plan_in_force(session, org_id, now))
    if version is None:
        raise Unavailable("The plan in force is not in the catalogue.")
    held = subscriptions.subscription(session, org_id)
    plan = PlanHeld(version.plan.key, version.plan.name, version.number)
    if held is None:
        return SubscriptionAnswer(
            plan=plan, state="active", collection="none", interval=None, currency=None, fee=0, started_at=None,
            period=None, cancel_at_period_end=False, ends_at=None, limited=False, overdue=None,
        )  # fmt: skip
    return SubscriptionAnswer(
        plan=plan,
        state=held.state,
        collection=held.collection,
        interval=held.interval,
        currency=held.currency,
        fee=_fee(version, held),
        started_at=held.started_at,
        period=Span(held.billing_starts_at, held.billing_ends_at),
        cancel_at_period_end=held.cancel_at_period_end,
        ends_at=held.billing_ends_at if held.cancel_at_period_end else None,
        limited=held.limited_at is not None,
        overdue=_overdue(session, org_id),
    )


def billing_answer(session: Session, org_id: UUID, now: datetime) -> BillingAnswer:
    """The subscription, the card, and what comes next; asks Stripe for a preview where it collects."""
    held = subscription_answer(session, org_id, now)
    theirs = queries.open_subscription(session, org_id)
    preview_of = theirs.id if theirs and not held.overdue and not held.cancel_at_period_end else None
    card = _card(queries.customer(session, org_id))
    return BillingAnswer(held, card, _preview(preview_of) or _expected(held))


def record_out(row: BillingRecord, number: str | None) -> RecordOut:
    """A billing record; `number` is its invoice's."""
    return RecordOut(
        id=str(row.id),
        state=row.state,
        reason=row.reason,
        description=row.description,
        amount=row.amount,
        refunded=row.refunded,
        currency=row.currency,
        card_brand=row.card_brand,
        card_last4=row.card_last4,
        failure=row.failure,
        invoice_number=number,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )


def _fee(version: PlanVersion, held: Subscription) -> int | None:
    """Of the version that the org is on; a plan by agreement has no price of its own."""
    at = [each.amount for each in version.prices if (each.interval, each.currency) == (held.interval, held.currency)]
    return at[0] if at else None


def _overdue(session: Session, org_id: UUID) -> Overdue | None:
    dunning = queries.dunning(session, org_id)
    owed = queries.owed(session, org_id) if dunning else None
    if dunning is None or owed is None:
        return None
    return Overdue(owed.amount_remaining, owed.currency, dunning.started_at, dunning.grace_ends_at)


def _card(customer: StripeCustomer | None) -> CardShown | None:
    if customer is None or customer.card_id is None:
        return None
    return CardShown(customer.card_brand, customer.card_last4, customer.card_exp_month, customer.card_exp_year)


def _preview(stripe_subscription: str | None) -> NextInvoice | None:
    if stripe_subscription is None or not payments_on():
        return None
    end_read_transaction()  # no transaction of ours stays open while Stripe is asked
    gw = gateway()
    try:
        with gw.budget():
            found = invoices.upcoming(gw, stripe_subscription)
    except DomainError:
        return None
    return NextInvoice(found.due_at, found.total, found.currency, exact=True)


def _expected(held: SubscriptionAnswer) -> NextInvoice | None:
    """The plan's fee at the next period's start, where Stripe was not or could not be asked."""
    if held.collection == "none" or held.cancel_at_period_end or held.period is None or held.currency is None:
        return None
    return NextInvoice(held.period.end, held.fee, held.currency, exact=False) if held.fee else None
