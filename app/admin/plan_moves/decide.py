"""When a move by staff takes effect for one organisation, or why it stays. The page and the act ask this alone.

At once only where nothing of the running period becomes dearer or less, as the blast radius finds; else with the first
periods that begin after the notice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from app.payments import queries as payments
from app.statements.blast.effects import OrgEffect
from app.statements.blast.version import PricedVersion
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.dates import MoveDates, find_move_dates, find_usage_start
from app.subscriptions.changes.models import STAFF, PlannedChange
from app.subscriptions.changes.move_rows import ENDING, OWN_CHANGE
from app.subscriptions.changes.moves import PlannedTarget
from app.subscriptions.changes.planned import is_schedule_ours, list_planned
from app.subscriptions.models import Subscription

Kind = Literal["at_once", "planned", "kept"]
ALREADY, BEGUN, FOLLOWS, GONE, OWN_PRICE, UNSOLD = "already", "begun", "follows", "gone", "own_price", "unsold"


@dataclass(frozen=True, slots=True)
class MoveClock:
    """Now, and when the notice has run."""

    now: datetime
    not_before: datetime


@dataclass(frozen=True, slots=True)
class MoveDecision:
    """When an organisation is moved; `kept`: it is not, for `reason`. `dates` of one that follows by itself: then."""

    kind: Kind
    dates: MoveDates | None = None
    reason: str | None = None

    @property
    def token(self) -> str:
        """Equal for decisions that people would call the same: what a page showed is what is done."""
        dates = (self.dates.fee_at, self.dates.usage_at) if self.dates and self.kind == "planned" else ()
        return " ".join([self.kind, self.reason or "", *(at.isoformat() for at in dates if at)])


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """What holds for an organisation now: its subscription and the change that is planned, if there are any."""

    current: Subscription | None
    planned: PlannedChange | None


def load_move_facts(session: Session, org_ids: Collection[UUID]) -> dict[UUID, MoveFacts]:
    """Load what holds for organisations, as it is stored now: two statements for any number of them."""
    held, planned = subscriptions.list_open(session, org_ids), list_planned(session, org_ids)
    return {org_id: MoveFacts(held.get(org_id), planned.get(org_id)) for org_id in org_ids}


def decide_move(
    session: Session,
    effect: OrgEffect,
    version: PricedVersion,
    target: PlannedTarget,
    clock: MoveClock,
    *,
    facts: MoveFacts,
) -> MoveDecision:
    """Decide about a move to `target`, a way to pay for `version`, whose effect on the organisation is known.

    Worked example: a limit rises and the fee stays: at once. The fee rises: from the first billing period after the
    notice.
    """
    current = facts.current
    if current is None:
        return MoveDecision("kept", MoveDates(find_usage_start(session, effect.org_id, clock.now)), FOLLOWS)
    reason = _find_standing(facts.planned, current, target) or _find_obstacle(session, effect, current, clock.now)
    if reason is None and version.prices and (target.currency, target.interval) not in version.prices:
        reason = UNSOLD
    if reason is not None:
        return MoveDecision("kept", None, reason)
    if effect.at_once and _pays_alike(current, target):
        return MoveDecision("at_once", _find_dates_now(current, clock.now))
    return MoveDecision("planned", _find_dates(session, current, target, clock.not_before))


def _find_obstacle(session: Session, effect: OrgEffect, current: Subscription, now: datetime) -> str | None:
    if current.cancel_at is not None and current.cancel_at > now:
        return ENDING
    if effect.own_price or _is_managed(session, current):
        return OWN_PRICE
    return None


def _find_standing(planned: PlannedChange | None, current: Subscription, target: PlannedTarget) -> str | None:
    """What stands already: the target itself, a change of the organisation's own, or a move that has begun."""
    wanted = (target.version_id, target.interval, target.currency)
    if (current.plan_version_id, current.interval, current.currency) == wanted and current.usage_version_id is None:
        return ALREADY
    if planned is None:
        return None
    if planned.origin != STAFF:
        return OWN_CHANGE
    if (planned.plan_version_id, planned.interval, planned.currency) == wanted:
        return ALREADY
    return BEGUN if planned.usage_applied_at is not None else None


def _is_managed(session: Session, current: Subscription) -> bool:
    """Whether a schedule that was made by hand at Stripe says what follows."""
    theirs = payments.find_open_subscription(session, current.org_id) if current.collection == "stripe" else None
    schedule = theirs.schedule_id if theirs is not None else None
    return schedule is not None and not is_schedule_ours(session, current.org_id, schedule)


def _pays_alike(current: Subscription, target: PlannedTarget) -> bool:
    return (current.interval, current.currency) == (target.interval, target.currency)


def _find_dates_now(current: Subscription, now: datetime) -> MoveDates:
    """Usage now; the fee of the running billing period is billed already where Stripe collects."""
    return MoveDates(current.billing_ends_at, now) if current.collection == "stripe" else MoveDates(now)


def _find_dates(session: Session, current: Subscription, target: PlannedTarget, not_before: datetime) -> MoveDates:
    dates = find_move_dates(session, current, not_before)
    if _pays_alike(current, target):
        return dates
    return MoveDates(dates.fee_at)  # another interval or currency begins as a whole
