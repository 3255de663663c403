"""When a move by staff takes effect: with the first periods that begin once its notice has run. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.periods import boundary, month_of
from app.kit.postgres.together import AnySelect, ask, keep
from app.subscriptions import periods, queries
from app.subscriptions.models import Subscription, UsagePeriod
from app.subscriptions.period_schedule import MONTHS, SKEW


@dataclass(frozen=True, slots=True)
class MoveDates:
    """When the fee changes, and when usage is counted by the new terms; None: with the fee."""

    fee_at: datetime
    usage_at: datetime | None = None

    @property
    def first_at(self) -> datetime:
        """The earlier of the two."""
        return min(self.fee_at, self.usage_at or self.fee_at)


def find_move_dates(session: Session, subscription: Subscription, not_before: datetime) -> MoveDates:
    """Find the first billing period and the first usage period that begin at `not_before` or later.

    Worked example: invoiced on the 15th of each month, told on 20 November with 30 days of notice: usage from
    1 January, fee from 15 January.
    """
    usage = find_usage_start(session, subscription.org_id, not_before)
    if subscription.collection == "none":
        return MoveDates(usage)
    fee = _find_billing_start(session, subscription, not_before)
    if subscription.collection == "stripe" and (subscription.interval == "month" or usage > fee - SKEW):
        return MoveDates(fee)  # its usage periods begin with its billing periods
    return MoveDates(fee, None if usage == fee else usage)


def find_usage_start(session: Session, org_id: UUID, not_before: datetime) -> datetime:
    """Find when the first usage period begins that begins at `not_before` or later, opened or not."""
    found = ask(session, _select_bounds([org_id], not_before))
    opened: datetime | None = found[0].begins if found else None
    last: datetime | None = found[0].ends if found else None
    if opened is not None:
        return opened
    opening = periods.get_opening(session, org_id)
    last = last or month_of(not_before, opening.zone).end
    ends = [last, *(period.end for period in opening.schedule.forward(last, not_before))]
    return next(end for end in ends if end >= not_before)


def prepare_dates(session: Session, held: Mapping[UUID, Subscription | None], instants: Collection[datetime]) -> None:
    """Read what the dates of many organisations depend on, in a statement for each instant, and not in some for each.

    `held` are their subscriptions.
    """
    keep(session, map(queries.select_subscription, held), ([each] if each else [] for each in held.values()))
    for at in instants:
        bounds = {row.org_id: row for row in session.execute(_select_bounds(held, at))}
        alone = (_select_bounds([org_id], at) for org_id in held)
        keep(session, alone, ([bounds[org_id]] if org_id in bounds else [] for org_id in held))


def _select_bounds(org_ids: Iterable[UUID], not_before: datetime) -> AnySelect:
    """When the first usage period of organisations begins that begins at `not_before` or later, and the last ends."""
    begins = func.min(UsagePeriod.starts_at).filter(UsagePeriod.starts_at >= not_before)
    query = select(UsagePeriod.org_id, begins.label("begins"), func.max(UsagePeriod.ends_at).label("ends"))
    return query.where(UsagePeriod.org_id.in_(list(org_ids))).group_by(UsagePeriod.org_id)


def _find_billing_start(session: Session, subscription: Subscription, not_before: datetime) -> datetime:
    """Counted from the running billing period, as Stripe does for a trial and for a year: their anchor is its end."""
    at_stripe = subscription.collection == "stripe"
    zone = "UTC" if at_stripe else accounts.get_org(session, subscription.org_id).time_zone
    end, months = subscription.billing_ends_at, MONTHS[subscription.interval]
    trial = subscription.trial_ends_at is not None and subscription.trial_ends_at >= end
    anchor = end if trial or (at_stripe and subscription.interval == "year") else subscription.anchor_at
    n = 0
    while (start := boundary(anchor, n, zone, months)) < max(end, not_before):
        n += 1
    return start
