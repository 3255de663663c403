"""Verbs that put an org on a plan."""

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
from app.kit.periods import MONTH, YEAR, Period, anchored, boundary
from app.subscriptions import events, periods, queries, realign_periods
from app.subscriptions.models import Subscription, UsagePeriod

MONTHS = {"month": MONTH, "year": YEAR}
_PAID_AT_STRIPE = (
    "This organisation pays for its plan through Stripe. Cancel that subscription first: once it has ended, another"
    " plan can be given."
)


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What giving a plan did.

    From `recount_from` on (when not None) events belong to another usage period than before: whoever called has
    metering count them anew. `subscription_id` is the row that a subscription of Stripe pays for; None: no row.
    """

    changed: bool
    recount_from: datetime | None = None
    subscription_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """A plan version as an org takes it."""

    version_id: UUID
    interval: str
    currency: str
    collection: str

    def same_periods(self, held: Subscription | None) -> bool:
        """Whether usage periods run on from the subscription held so far; None is the default plan."""
        if held is None:
            return self.collection == "none"
        return (held.collection, held.currency) == (self.collection, self.currency)

    def same(self, held: Subscription | None, in_force: UUID) -> bool:
        """Whether the org is on this already."""
        interval = self.interval if held is None else held.interval
        return self.same_periods(held) and (in_force, interval) == (self.version_id, self.interval)


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
    """Staff put an org on a plan version, now; the same again changes nothing. Audited.

    Its limits hold at once, for the whole running period. A change to or from the Free plan, of currency, or of who
    collects, ends the running period and starts another now. Nobody collects for a free plan; for another we do
    ("offline": we send the invoice). Raises `NotFound`, `Conflict` (not published, archived, or Stripe collects),
    `InvalidRequest` (the plan has no such price).
    """
    accounts.get_org(session, org_id)
    version = _assignable(session, plan_version_id)
    _check_price(version, interval, currency)
    choice = PlanChoice(version.id, interval, currency, "none" if is_free(version) else "offline")
    periods.lock(session, org_id)
    held = queries.subscription(session, org_id)
    if held is not None and held.collection == "stripe":
        raise Conflict(_PAID_AT_STRIPE)
    if choice.same(held, queries.plan_in_force(session, org_id, now)):
        return PlanChange(changed=False)
    if held is not None:
        now = max(now, held.started_at)  # read before we waited for the lock, while another change went through
    running = realign_periods.holding(session, org_id, now, now)
    anew = not choice.same_periods(held)
    taken = _replace(session, org_id, held, choice, actor=actor, now=now)
    _move_periods(session, org_id, running, anew=anew, now=now)
    kind = "started" if held is None else "plan_changed"
    events.record_event(session, taken, kind, key=now.isoformat(), at=now, now=now)
    before, after = described(session, held), described(session, taken)
    audit(session, actor, "subscription.plan_assigned", on=("subscription", taken.id), org_id=org_id,
          before=before, after=after, now=now)  # fmt: skip
    return PlanChange(True, now if anew else None, taken.id)


def roll_billing_period(session: Session, subscription_id: UUID, now: datetime) -> None:
    """Move the billing period of a subscription that Stripe does not bill to the one that holds `now`."""
    asked = select(Subscription).where(Subscription.id == subscription_id).with_for_update()
    held = session.scalars(asked).one()
    if held.ended_at is not None or held.collection == "stripe" or held.billing_ends_at > now:
        return
    zone = accounts.get_org(session, held.org_id).time_zone
    period = anchored(held.anchor_at, now, zone, MONTHS[held.interval])
    held.billing_starts_at, held.billing_ends_at = period.start, period.end
    session.flush()


def is_free(version: PlanVersion) -> bool:
    """Whether nothing can ever be owed on it: the default plan, or one whose every price is 0 and without charges."""
    costs = any(price.amount for price in version.prices) or not version.prices or version.charges
    return version.plan.is_default or not costs


def _assignable(session: Session, version_id: UUID) -> PlanVersion:
    version = catalog.find_version(session, version_id)
    if version is None:
        raise NotFound("There is no such plan version.")
    if version.published_at is None or version.plan.archived_at is not None:
        raise Conflict(f"Version {version.number} of plan {version.plan.name} is not on offer: draft or archived.")
    return version


def _check_price(version: PlanVersion, interval: str, currency: str) -> None:
    """A plan without prices is by agreement: any price goes; but usage must be priced in the currency."""
    errors = []
    if interval not in MONTHS:
        errors.append(FieldError("interval", "must be month or year"))
    elif version.prices and not any((p.currency, p.interval) == (currency, interval) for p in version.prices):
        errors.append(FieldError("currency", f"{version.plan.name} has no price by the {interval} in {currency}"))
    charged = {each.meter_id for each in version.charges if each.currency == currency}
    if not errors and any(each.policy == "charge" and each.meter_id not in charged for each in version.meters):
        errors.append(FieldError("currency", f"{version.plan.name} does not price its usage in {currency}"))
    if errors:
        raise InvalidRequest("; ".join(each.detail for each in errors) + ".", errors)


def _replace(
    session: Session, org_id: UUID, held: Subscription | None, choice: PlanChoice, *, actor: Actor, now: datetime
) -> Subscription:
    """End the subscription held and open the chosen one."""
    anchor, billing = _dates(session, org_id, held, choice, now)
    if held is not None:
        held.state, held.ended_at = "ended", now
        session.flush()
    taken = Subscription(
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
        cancel_at_period_end=False,
        assigned_by=actor.id,
    )
    session.add(taken)
    session.flush()
    return taken


def _dates(
    session: Session, org_id: UUID, held: Subscription | None, choice: PlanChoice, now: datetime
) -> tuple[datetime, Period]:
    """The anchor and the billing period: those held run on while who collects, currency and interval stay."""
    zone = accounts.get_org(session, org_id).time_zone
    if held is not None and choice.same_periods(held) and held.interval == choice.interval:
        return held.anchor_at, Period(held.billing_starts_at, held.billing_ends_at)
    return now, Period(now, boundary(now, 1, zone, MONTHS[choice.interval]))


def _move_periods(session: Session, org_id: UUID, running: UsagePeriod, *, anew: bool, now: datetime) -> None:
    """Bring periods, limits and terms in line with the new subscription. The lock is held."""
    if anew:
        realign_periods.restart(session, org_id, running, now, now)
    else:
        realign_periods.retake(session, org_id, now)
        periods.extend(session, org_id, now, now + periods.AHEAD, now)


def described(session: Session, held: Subscription | None) -> dict[str, object] | None:
    """A subscription as the audit tells of it."""
    if held is None:
        return None
    version = catalog.find_version(session, held.plan_version_id)
    if version is None:
        raise RuntimeError(f"subscription {held.id} names no version")
    return {
        "plan": version.plan.key,
        "version": str(version.number),
        "interval": held.interval,
        "currency": held.currency,
        "collection": held.collection,
        "state": held.state,
        "billing_ends_at": held.billing_ends_at,
        "cancel_at_period_end": held.cancel_at_period_end,
    }
