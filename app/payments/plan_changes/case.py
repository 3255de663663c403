"""What an organisation wants to change, from what to what, and when that may take effect. Reads only our own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, TextualSelect, select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.catalog.models import PlanVersion
from app.kit.errors import Conflict, NotAllowed, NotFound
from app.kit.postgres.together import AnySelect, ask, forget, prepare
from app.payments import queries
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripeSubscription
from app.payments.plan_changes.models import PlanChangeAttempt
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.changes.planned import find_planned, is_schedule_ours, select_planned
from app.subscriptions.changes.plans import build_plan_prices
from app.subscriptions.changes.timing import (
    CardKind,
    ChangeDecision,
    ChangeStanding,
    OpenPayment,
    PricedPlan,
    decide_change,
)
from app.subscriptions.states import TRIALING

# Payment methods whose success or failure is known days later.
DELAYED = frozenset({
    "sepa_debit", "us_bank_account", "bacs_debit", "au_becs_debit", "acss_debit", "nz_bank_account", "customer_balance",
})  # fmt: skip
_TIME_TO_PAY = timedelta(hours=25)
"""How long before a planned change another can be made: Stripe drops one that is not paid after 23 hours."""
_LATE: dict[str, OpenPayment] = {"past_due": "past_due", "unpaid": "unpaid", "paused": "paused"}


@dataclass(frozen=True, slots=True)
class PlanAtStripe:
    """A plan version at one of its prices; `price_id` is None where the price is not at Stripe, or not one of ours."""

    version_id: UUID
    key: str
    name: str
    interval: str
    amount: int | None
    price_id: str | None


@dataclass(frozen=True, slots=True)
class ChangeCase:
    """A change that is wanted, and when it may take effect; `replaces`: another one is planned.

    `stripe_id` is the subscription's at Stripe.
    """

    org_id: UUID
    stripe_id: str
    currency: str
    current: PlanAtStripe
    wanted: PlanAtStripe
    decision: ChangeDecision
    replaces: bool = False


def load_case(
    session: Session, org_id: UUID, plan_key: str, interval: str, now: datetime, *, quote_id: UUID | None = None
) -> ChangeCase:
    """Load what a change to a plan at an interval is about. Of a change under way that of `quote_id` is no obstacle.

    Raises `NotFound` (no such plan), `NotAllowed` (suspended), `Conflict` (nothing is paid through Stripe).
    """
    prepare(session, *select_case(org_id))
    if accounts.get_org(session, org_id).suspended_at is not None:
        raise NotAllowed(
            "Your organisation is suspended. Nothing was charged. Please contact us.", code="org_suspended"
        )
    ours, mirror = subscriptions.find_subscription(session, org_id), queries.find_open_subscription(session, org_id)
    if ours is None or ours.collection != "stripe" or mirror is None:
        raise Conflict("Your organisation has no plan that is paid through Stripe. Nothing was charged.")
    prices = queries.select_price(mirror.price_id), _select_processing(mirror)
    own, newest = catalog.load_change(session, ours.plan_version_id, plan_key, *prices)
    if own is None:
        raise NotFound("There is no such plan.")
    target, planned = _get_target(own, newest, plan_key, ours.currency, interval), find_planned(session, org_id)
    decision = decide_change(
        PricedPlan(build_plan_prices(own, ours.currency), ours.interval),
        PricedPlan(build_plan_prices(target, ours.currency), interval),
        _find_standing(session, mirror, planned, now, quote_id),
    )
    wanted = _describe(session, target, interval, ours.currency)
    current = _describe(session, own, ours.interval, ours.currency, price_id=mirror.price_id)
    forget(session)  # the caller may go on to change it
    return ChangeCase(org_id, mirror.id, ours.currency, current, wanted, decision, replaces=planned is not None)


def select_case(org_id: UUID) -> Sequence[AnySelect | TextualSelect]:
    """Select what a change of an org is about, whatever is changed to."""
    return (
        accounts.select_org(org_id), subscriptions.select_subscription(org_id),
        queries.select_open_subscription(org_id), select_planned(org_id), _select_open_attempt(org_id),
        queries.select_owed(org_id), queries.select_customer(org_id),
    )  # fmt: skip


def _find_standing(
    session: Session, mirror: StripeSubscription, planned: PlannedChange | None, now: datetime, quote_id: UUID | None
) -> ChangeStanding:
    """What a running subscription allows now: open payments first of all."""
    asked = find_open_attempt(session, mirror.org_id)
    unknown = asked is not None and asked.state == "asked" and asked.id != quote_id
    return ChangeStanding(
        open_payment="processing" if unknown else _find_open_payment(session, mirror),
        trialing=mirror.status == TRIALING,
        planned=planned is not None and planned.effective_at - now < _TIME_TO_PAY,
        ending=mirror.cancel_at is not None and mirror.cancel_at > now,
        card=_find_card(queries.find_customer(session, mirror.org_id)),
        known_price=queries.find_own_terms(session, mirror) is None
        and mirror.collection_paused is None
        and (mirror.schedule_id is None or is_schedule_ours(session, mirror.org_id, mirror.schedule_id)),
    )


def _find_open_payment(session: Session, mirror: StripeSubscription) -> OpenPayment | None:
    if mirror.status in _LATE:
        return _LATE[mirror.status]
    if mirror.pending_price_id is not None:
        return "pending_update"
    if queries.list_owed(session, mirror.org_id):
        return "past_due"
    return "processing" if _is_processing(session, mirror) else None


def _is_processing(session: Session, mirror: StripeSubscription) -> bool:
    """Whether the money of an invoice of the subscription is on its way."""
    return bool(ask(session, _select_processing(mirror)))


def _select_processing(mirror: StripeSubscription) -> AnySelect:
    return (
        select(BillingRecord.id)
        .join(StripeInvoice, StripeInvoice.id == BillingRecord.invoice_id)
        .where(
            BillingRecord.org_id == mirror.org_id,
            BillingRecord.state == "pending",
            StripeInvoice.stripe_subscription_id == mirror.id,
            StripeInvoice.status == "open",
        )
        .limit(1)
    )


def find_open_attempt(session: Session, org_id: UUID) -> PlanChangeAttempt | None:
    """Find the change of an org that is under way."""
    return next(iter(ask(session, _select_open_attempt(org_id))), None)


def _select_open_attempt(org_id: UUID) -> Select[PlanChangeAttempt]:
    query = select(PlanChangeAttempt).where(PlanChangeAttempt.org_id == org_id, PlanChangeAttempt.settled_at.is_(None))
    return query.execution_options(populate_existing=True)


def _find_card(customer: StripeCustomer | None) -> CardKind:
    if customer is None or customer.card_id is None:
        return "none"
    return "delayed" if customer.card_brand in DELAYED else "card"


def _get_target(
    own: PlanVersion, newest: PlanVersion | None, plan_key: str, currency: str, interval: str
) -> PlanVersion:
    """The version that is changed to: of the own plan the own one, where that has the price, else the newest."""
    if own.plan.key == plan_key and interval in build_plan_prices(own, currency).prices:
        return own
    if newest is None or not (newest.plan.public or newest.plan.key == own.plan.key):
        raise NotFound("There is no such plan.")
    return newest


def _describe(
    session: Session, version: PlanVersion, interval: str, currency: str, *, price_id: str | None = None
) -> PlanAtStripe:
    amount = build_plan_prices(version, currency).prices.get(interval)
    pushed = queries.find_version_price(session, version.id, interval, currency) if price_id is None else None
    return PlanAtStripe(
        version.id, version.plan.key, version.plan.name, interval, amount, price_id or (pushed.id if pushed else None)
    )
