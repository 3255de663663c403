"""Assigns plans to orgs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.catalog.models import PlanVersion
from app.kit.actor import Actor
from app.kit.errors import Conflict, FieldError, InvalidRequest, NotFound
from app.kit.ids import new_id
from app.kit.money import ZERO
from app.kit.periods import Period, anchored, boundary
from app.subscriptions import events, periods, queries, realign_periods
from app.subscriptions.changes.planned import settle_planned
from app.subscriptions.models import Subscription, UsagePeriod
from app.subscriptions.overage.consents import end_consent
from app.subscriptions.overage.models import PLAN_CHANGED
from app.subscriptions.period_schedule import MONTHS
from app.subscriptions.recurring.facts import RecurringFee
from app.subscriptions.recurring.record import record_charge
from app.subscriptions.terms.resolver import is_free

_PAID_AT_STRIPE = (
    "This organisation pays for its plan through Stripe. Cancel that subscription first; once it has ended, you can"
    " assign another plan."
)


@dataclass(frozen=True, slots=True)
class PlanChange:
    """The result of changing a plan.

    Events from `moved_from` on (if not None) may belong to another usage period now, so the caller must have
    metering move them. `subscription_id` is the row that a Stripe subscription pays for; None: no row.
    """

    changed: bool
    moved_from: datetime | None = None
    subscription_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """A plan version with the interval, currency and collection chosen for an org."""

    version_id: UUID
    interval: str
    currency: str
    collection: str

    def same_periods(self, current: Subscription | None) -> bool:
        """Whether the current subscription's usage periods continue; None is the default plan."""
        if current is None:
            return self.collection == "none"
        return (current.collection, current.currency) == (self.collection, self.currency)

    def same(self, current: Subscription | None, in_force: UUID) -> bool:
        """Whether the org already has this choice."""
        interval = self.interval if current is None else current.interval
        return self.same_periods(current) and (in_force, interval) == (self.version_id, self.interval)


def assign_plan(
    session: Session,
    org_id: UUID,
    plan_version_id: UUID,
    *,
    interval: str,
    currency: str,
    actor: Actor,
    now: datetime,
) -> PlanChange:
    """Assign a plan version to an org immediately, on behalf of staff. Idempotent; audited.

    Its limits apply at once to the whole current period. Changing to or from the Free plan, or changing currency or
    collection, ends the current period and starts a new one. Free plans are not collected; others are "offline",
    invoiced by us. Raises `NotFound`, `Conflict` (not published, archived, or collected by Stripe), `InvalidRequest`
    (no such price).
    """
    accounts.get_org(session, org_id)
    version = check_assignable(session, plan_version_id, interval, currency)
    choice = PlanChoice(version.id, interval, currency, find_collection(version))
    periods.lock_usage(session, org_id)
    current = queries.find_subscription(session, org_id)
    if current is not None and current.collection == "stripe":
        raise Conflict(_PAID_AT_STRIPE)
    if choice.same(current, queries.get_plan_in_force(session, org_id, now)):
        return PlanChange(changed=False)
    if current is not None:
        now = max(now, current.started_at)  # another change may have gone through while we waited for the lock
    change, assigned = replace_subscription(session, org_id, current, choice, at=now, actor=actor, now=now)
    settle_planned(session, assigned, now)
    return change


def replace_subscription(
    session: Session,
    org_id: UUID,
    current: Subscription | None,
    choice: PlanChoice,
    *,
    at: datetime,
    actor: Actor,
    now: datetime,
    usage_version_id: UUID | None = None,
) -> tuple[PlanChange, Subscription]:
    """Put an org on a choice at `at`, and return the change and its new subscription. The caller holds the usage lock.

    With `usage_version_id` usage keeps the terms of that version; else it follows, in the whole period of `at`.
    """
    running = realign_periods.open_period_at(session, org_id, at, now)
    restart = not choice.same_periods(current)
    before = describe_subscription(session, current)
    assigned = _replace(session, org_id, current, choice, actor=actor, now=at)
    assigned.usage_version_id = None if restart else usage_version_id
    record_charge(session, assigned, fees=_find_fees(session, choice), at=at, now=now)
    _move_periods(session, org_id, running, at, restart=restart, now=now)
    kind = "started" if current is None else "plan_changed"
    events.record_event(session, assigned, kind, key=at.isoformat(), at=at, now=now)
    audit(session, actor, "subscription.plan_assigned", on=("subscription", assigned.id), org_id=org_id,
          before=before, after=describe_subscription(session, assigned), now=now)  # fmt: skip
    return PlanChange(True, at if restart else None, assigned.id), assigned


def roll_billing_period(session: Session, subscription_id: UUID, now: datetime) -> None:
    """Advance the billing period of a subscription not billed by Stripe to the one that contains `now`."""
    query = select(Subscription).where(Subscription.id == subscription_id).with_for_update()
    subscription = session.scalars(query).one()
    if subscription.ended_at is not None or subscription.collection == "stripe" or subscription.billing_ends_at > now:
        return
    zone = accounts.get_org(session, subscription.org_id).time_zone
    period = anchored(subscription.anchor_at, now, zone, MONTHS[subscription.interval])
    subscription.billing_starts_at, subscription.billing_ends_at = period.start, period.end
    session.flush()


def find_collection(version: PlanVersion) -> str:
    """Who collects payment for a plan that staff assign: nobody if it is free, else we do, by invoice."""
    amounts = [price.amount for price in version.prices]
    free = is_free(default=version.plan.is_default, amounts=amounts, charged=bool(version.charges))
    return "none" if free else "offline"


def check_assignable(session: Session, version_id: UUID, interval: str, currency: str) -> PlanVersion:
    """Get a version that staff may assign at a price. Raises as `assign_plan` does."""
    version = _get_assignable(session, version_id)
    _check_price(version, interval, currency)
    return version


def _get_assignable(session: Session, version_id: UUID) -> PlanVersion:
    version = catalog.find_version(session, version_id)
    if version is None:
        raise NotFound("There is no such plan version.")
    if version.published_at is None or version.plan.archived_at is not None:
        raise Conflict(f"Version {version.number} of plan {version.plan.name} is a draft or archived.")
    return version


def _check_price(version: PlanVersion, interval: str, currency: str) -> None:
    """A custom plan has no list prices, so any is accepted; but usage must be priced in the currency."""
    errors = []
    if interval not in MONTHS:
        errors.append(FieldError("interval", "must be month or year"))
    elif version.prices and not any((p.currency, p.interval) == (currency, interval) for p in version.prices):
        errors.append(FieldError("currency", f"{version.plan.name} has no price per {interval} in {currency}"))
    charged = {charge.meter_id for charge in version.charges if charge.currency == currency}
    if not errors and any(meter.policy == "charge" and meter.meter_id not in charged for meter in version.meters):
        errors.append(FieldError("currency", f"{version.plan.name} does not price its usage in {currency}"))
    if errors:
        raise InvalidRequest("; ".join(error.detail for error in errors) + ".", errors)


def _replace(
    session: Session, org_id: UUID, current: Subscription | None, choice: PlanChoice, *, actor: Actor, now: datetime
) -> Subscription:
    """End the current subscription and open the chosen one."""
    anchor, billing = _find_dates(session, org_id, current, choice, now)
    end_consent(session, org_id, now, PLAN_CHANGED, actor=actor, now=now)
    if current is not None:
        current.state, current.ended_at = "ended", now
        session.flush()
    opened = Subscription(
        id=new_id(),
        org_id=org_id,
        plan_version_id=choice.version_id,
        state="active",
        interval=choice.interval,
        currency=choice.currency,
        collection=choice.collection,
        anchor_at=anchor,
        started_at=now,
        billing_starts_at=billing.start,
        billing_ends_at=billing.end,
        cancel_at=None,
        assigned_by=actor.id,
    )
    session.add(opened)
    session.flush()
    return opened


def _find_fees(session: Session, choice: PlanChoice) -> list[RecurringFee]:
    """The version's price; a custom plan has none."""
    version = catalog.find_version(session, choice.version_id)
    sold = [
        p.amount
        for p in (version.prices if version else ())
        if (p.currency, p.interval) == (choice.currency, choice.interval)
    ]
    return [RecurringFee(ZERO + amount, choice.interval) for amount in sold]


def _find_dates(
    session: Session, org_id: UUID, current: Subscription | None, choice: PlanChoice, now: datetime
) -> tuple[datetime, Period]:
    """The anchor and billing period; both continue unless collection, currency or interval change."""
    zone = accounts.get_org(session, org_id).time_zone
    if current is not None and choice.same_periods(current) and current.interval == choice.interval:
        return current.anchor_at, Period(current.billing_starts_at, current.billing_ends_at)
    return now, Period(now, boundary(now, 1, zone, MONTHS[choice.interval]))


def _move_periods(
    session: Session, org_id: UUID, running: UsagePeriod, at: datetime, *, restart: bool, now: datetime
) -> None:
    """Apply the new subscription to periods and terms. The caller holds the lock."""
    if restart:
        realign_periods.restart_periods(session, org_id, running, at, now)
    else:
        realign_periods.move_to_plan(session, org_id, at, now)
        periods.extend_periods(session, org_id, now, now + periods.AHEAD, now)


def describe_subscription(session: Session, subscription: Subscription | None) -> dict[str, object] | None:
    """Describe a subscription for the audit log."""
    if subscription is None:
        return None
    plan = catalog.find_plan_of_version(session, subscription.plan_version_id)
    if plan is None:
        raise RuntimeError(f"subscription {subscription.id} names no version")
    return {
        "plan": plan.key,
        "version": str(plan.number),
        "interval": subscription.interval,
        "currency": subscription.currency,
        "collection": subscription.collection,
        "state": subscription.state,
        "billing_ends_at": subscription.billing_ends_at,
        "cancel_at": subscription.cancel_at,
    }
