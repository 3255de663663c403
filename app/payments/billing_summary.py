"""Builds the billing API's responses from rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.compare import compare_terms
from app.catalog.from_db import build_terms
from app.kit.errors import DomainError, Unavailable
from app.payments import queries
from app.payments.gateway import get_gateway, payments_on
from app.payments.mirrors.models import StripeCreditNote, StripeRefund
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice
from app.payments.schemas import (
    BillingAnswer,
    CardShown,
    NextInvoice,
    Overdue,
    PendingChangeOut,
    PlanHeld,
    PlannedChangeOut,
    PlannedTerm,
    RecordOut,
    RefundOut,
    SecondSubscriptionOut,
    Span,
    SubscriptionAnswer,
)
from app.stripe_gateway import invoices
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.models import STAFF, PlannedChange
from app.subscriptions.changes.planned import find_planned
from app.subscriptions.models import Subscription
from app.subscriptions.overage.switch import is_paying_for_overage
from app.subscriptions.states import LATE, TRIALING, is_renewed
from app.subscriptions.terms.restriction import find_lift_end, is_restricted
from app.web.database import end_read_transaction


def build_subscription_answer(session: Session, org_id: UUID, now: datetime) -> SubscriptionAnswer:
    """Build the current subscription; an org without one is on the default plan."""
    version = catalog.find_version(session, subscriptions.get_plan_in_force(session, org_id, now))
    if version is None:
        raise Unavailable("The plan in force is not in the catalogue.")
    current = subscriptions.find_subscription(session, org_id)
    plan = PlanHeld(version.plan.key, version.plan.name, version.number)
    newest = catalog.find_newest_number(session, version.plan.key) or version.number
    if current is None:
        return SubscriptionAnswer(
            plan=plan, newest_version=newest, state="active", collection="none", interval=None,
            currency=None, fee=0, started_at=None, period=None, cancel_at_period_end=False,
            ends_at=None, trial_ends_at=None, limited=False, overdue=None, planned_change=None, pending_change=None,
        )  # fmt: skip
    return SubscriptionAnswer(
        plan=plan,
        newest_version=newest,
        state=current.state,
        collection=current.collection,
        interval=current.interval,
        currency=current.currency,
        fee=_find_fee(session, current),
        started_at=current.started_at,
        period=Span(current.billing_starts_at, current.billing_ends_at),
        cancel_at_period_end=current.cancel_at == current.billing_ends_at,
        ends_at=current.cancel_at,
        trial_ends_at=current.trial_ends_at if current.state == TRIALING else None,
        limited=is_restricted(current.limited_at, current.restriction_lifted_until, now),
        overdue=_build_overdue(
            session, org_id, find_lift_end(current.limited_at, current.restriction_lifted_until, now)
        ),
        planned_change=_build_planned(session, current),
        pending_change=_build_pending(session, org_id),
    )


def build_billing_answer(session: Session, org_id: UUID, now: datetime) -> BillingAnswer:
    """Build the subscription, the card and the next invoice, previewed by Stripe where Stripe collects."""
    answer = build_subscription_answer(session, org_id, now)
    stripe_subscription = queries.find_open_subscription(session, org_id)
    preview_id = (
        stripe_subscription.id if stripe_subscription and answer.state not in LATE and _is_renewed(answer) else None
    )
    card = build_card(queries.find_customer(session, org_id))
    seconds = [_build_second(row) for row in queries.list_second_subscriptions(session, org_id)]
    pays = is_paying_for_overage(session, org_id, now)
    upcoming = _preview_next_invoice(preview_id) or _estimate_next_invoice(answer)
    return BillingAnswer(answer, card, upcoming, seconds, pays)


def build_record_out(
    row: BillingRecord, number: str | None, notes: Sequence[StripeCreditNote], refunds: Sequence[StripeRefund]
) -> RecordOut:
    """Build a billing record's response, with the number of its invoice, the credit notes on it, and its refunds."""
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
        reference=row.reference,
        invoice_number=number,
        credit_notes=[note.number for note in notes if note.voided_at is None],
        refunds=[RefundOut(refund.amount, refund.created_at) for refund in refunds],
        created_at=row.created_at,
        settled_at=row.settled_at,
    )


def _build_planned(session: Session, current: Subscription) -> PlannedChangeOut | None:
    row = find_planned(session, current.org_id)
    plan = _find_plan(session, row.plan_version_id) if row is not None else None
    if row is None or plan is None:
        return None
    return PlannedChangeOut(
        plan=plan,
        interval=row.interval,
        at=row.effective_at,
        fee=_find_price(session, row.plan_version_id, row.interval, row.currency),
        announced_by="staff" if row.origin == STAFF else "organisation",
        usage_at=row.usage_at or row.effective_at,
        differences=_list_differences(session, current, row) if row.origin == STAFF else [],
    )


def _list_differences(session: Session, current: Subscription, row: PlannedChange) -> list[PlannedTerm]:
    before = current.plan_version_id if current.plan_version_id != row.plan_version_id else current.terms_version_id
    versions = [catalog.find_version(session, each) for each in (before, row.plan_version_id)]
    terms = [build_terms(version) for version in versions if version is not None]
    return [PlannedTerm(path, *values) for path, values in compare_terms(*terms).items()] if len(terms) == 2 else []


def _build_pending(session: Session, org_id: UUID) -> PendingChangeOut | None:
    theirs = queries.find_open_subscription(session, org_id)
    if theirs is None or theirs.pending_price_id is None or theirs.pending_expires_at is None:
        return None
    price = queries.find_price(session, theirs.pending_price_id)
    invoice = session.get(StripeInvoice, theirs.latest_invoice_id) if theirs.latest_invoice_id else None
    return PendingChangeOut(
        _find_plan(session, price.plan_version_id) if price is not None else None,
        price.interval if price is not None else None,
        theirs.pending_expires_at,
        invoice.hosted_url if invoice is not None and invoice.status == "open" else None,
    )


def _find_plan(session: Session, version_id: UUID) -> PlanHeld | None:
    plan = catalog.find_plan_of_version(session, version_id)
    return PlanHeld(plan.key, plan.name, plan.number) if plan is not None else None


def _find_fee(session: Session, current: Subscription) -> int | None:
    """The fee of the subscription's own version; None for a custom plan, and for a price made by hand at Stripe."""
    theirs = queries.find_open_subscription(session, current.org_id) if current.collection == "stripe" else None
    if theirs is not None and queries.find_own_terms(session, theirs) is not None:
        return None
    return _find_price(session, current.plan_version_id, current.interval, current.currency)


def _find_price(session: Session, version_id: UUID, interval: str, currency: str) -> int | None:
    version = catalog.find_priced_version(session, version_id)
    prices = {(price.interval, price.currency): price.amount for price in version.prices} if version else {}
    return prices.get((interval, currency))


def _build_overdue(session: Session, org_id: UUID, lifted_until: datetime | None) -> Overdue | None:
    owed = queries.list_owed(session, org_id)
    if not owed:
        return None
    dunning = queries.find_dunning(session, org_id)
    since, limits_fall_at = (dunning.started_at, dunning.grace_ends_at) if dunning else (owed[0].created_at, None)
    confirm_url = next((invoice.confirm_url for invoice in owed if invoice.confirm_url), None)
    falls_at = lifted_until or limits_fall_at
    return Overdue(sum(due.amount for due in owed), owed[0].currency, since, falls_at, confirm_url)


def _build_second(row: Row[Any]) -> SecondSubscriptionOut:
    plan = PlanHeld(row.plan_key, row.plan_name, row.number)
    return SecondSubscriptionOut(plan, row.amount, row.currency, row.interval, row.period_end)


def build_card(customer: StripeCustomer | None) -> CardShown | None:
    """Build the card that the org's invoices are charged to."""
    if customer is None or customer.card_id is None:
        return None
    return CardShown(customer.card_brand, customer.card_last4, customer.card_exp_month, customer.card_exp_year)


def _preview_next_invoice(stripe_subscription: str | None) -> NextInvoice | None:
    if stripe_subscription is None or not payments_on():
        return None
    end_read_transaction()  # never hold a transaction open during a call to Stripe
    gw = get_gateway()
    try:
        with gw.budget():
            preview = invoices.preview_next(gw, stripe_subscription)
    except DomainError:
        return None
    return NextInvoice(preview.due_at, preview.total, preview.currency, exact=True)


def _is_renewed(current: SubscriptionAnswer) -> bool:
    return current.period is not None and is_renewed(current.period.end, current.ends_at)


def _estimate_next_invoice(current: SubscriptionAnswer) -> NextInvoice | None:
    """The plan's fee at the start of the next period, for when there is no preview from Stripe."""
    if current.collection == "none" or current.period is None or not _is_renewed(current) or current.currency is None:
        return None
    planned = current.planned_change
    follows = planned is not None and planned.announced_by == "staff" and planned.at <= current.period.end
    fee = planned.fee if planned is not None and follows else current.fee
    return NextInvoice(current.period.end, fee, current.currency, exact=False) if fee else None
