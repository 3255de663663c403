"""The plans staff can assign, and assigning one: at once, or after a notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.admin.plan_moves.act import move_org, preview_move
from app.admin.plan_moves.decide import ALREADY, BEGUN, OWN_PRICE, UNSOLD, MoveClock, MoveDecision
from app.admin.plan_moves.words import describe_move_dates
from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.metering.verification.move import move_usage
from app.statements.wording import format_amount
from app.subscriptions import queries
from app.subscriptions.changes.dates import MoveDates
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.changes.move_rows import ENDING, OWN_CHANGE
from app.subscriptions.changes.moves import PlannedTarget
from app.subscriptions.changes.planned import find_planned
from app.subscriptions.periods import lock_usage
from app.subscriptions.service import assign_plan, check_assignable, find_collection
from app.web.runtime import runtime

_DEFAULT_CURRENCY = "USD"
_LOOK_AGAIN = "When this takes effect has changed since you opened the page. Please look again."
_KEPT = {
    OWN_CHANGE: "The organisation has planned a change of plan itself. That stays.",
    ENDING: "The plan of this organisation ends. That stays.",
    OWN_PRICE: "The organisation pays a price that was made by hand at Stripe. Change it there.",
    UNSOLD: "The plan has no price at this interval and currency.",
    BEGUN: "An earlier move has begun to take effect. Wait until all of it has.",
}


@dataclass(frozen=True, slots=True)
class AssignablePlan:
    """A plan version at one of its prices."""

    version_id: UUID
    interval: str
    currency: str
    label: str

    @property
    def value(self) -> str:
        """The option's value in the form."""
        return f"{self.version_id}:{self.interval}:{self.currency}"


def list_assignable_plans(offers: Sequence[Row[Any]]) -> list[AssignablePlan]:
    """One option per price; a plan without prices has a custom one, with a monthly interval."""
    return [
        AssignablePlan(row.version_id, row.interval or "month", row.currency or _DEFAULT_CURRENCY, _label(row))
        for row in offers
    ]


@dataclass(frozen=True, slots=True)
class Assigned:
    """What assigning came to: whether anything changed, and the row of what was planned for later."""

    changed: bool
    planned: PlannedChange | None = None


def assign_plan_and_move_usage(
    session: Session, org_id: UUID, choice: AssignablePlan, *, actor: Actor, now: datetime, shown: str | None = None,
    requested: bool = False,
) -> Assigned:  # fmt: skip
    """Put the organisation on the plan; if its usage period moved, move usage in the same transaction.

    One that we invoice is moved: at once only where nothing of the running period becomes dearer, else after the
    notice. The notice protects the organisation: where it `requested` the plan itself, it has it at once, audited.
    `shown` is the token of the decision that was shown. Raises the errors of `assign_plan`, and `Conflict`.
    """
    lock_usage(session, org_id)
    check_assignable(session, choice.version_id, choice.interval, choice.currency)
    decision = preview_assignment(session, org_id, choice, now)
    if (decision.token if decision else "") != (shown or "") and shown is not None:
        raise Conflict(_LOOK_AGAIN)
    if requested and decision is not None and _waits(session, org_id, choice, decision):
        audit(session, actor, "subscription.notice_waived", on=("org", org_id), org_id=org_id,
              after={"version": str(choice.version_id)}, now=now)  # fmt: skip
    elif decision is not None and decision.kind != "at_once":
        done = move_org(session, org_id, _build_target(choice), _build_clock(now), reason=None, actor=actor)
        if done.decision.reason == ALREADY:
            return Assigned(False, find_planned(session, org_id))
        if done.planned is None:
            raise Conflict(_KEPT[done.decision.reason or ""])
        return Assigned(done.planned is not None, done.planned)
    change = assign_plan(session, org_id, choice.version_id, interval=choice.interval, currency=choice.currency,
                         actor=actor, now=now)  # fmt: skip
    if change.moved_from is not None:
        move_usage(session, org_id, change.moved_from, now)
    return Assigned(change.changed)


def _waits(session: Session, org_id: UUID, choice: AssignablePlan, decision: MoveDecision) -> bool:
    """Whether the plan would begin only after the notice, or does so already."""
    planned = find_planned(session, org_id)
    begins = planned is not None and planned.plan_version_id == choice.version_id
    return decision.kind == "planned" or (decision.reason == ALREADY and begins)


def describe_assigned(done: Assigned, choice: AssignablePlan, zone: str) -> str:
    """What an assignment came to, in words."""
    if done.planned is not None:
        dates = MoveDates(done.planned.effective_at, done.planned.usage_at)
        lead = "The organisation has been told." if done.changed else "This is planned already."
        return f"{choice.label} is planned: {describe_move_dates(dates, zone)}. {lead}"
    return f"The plan is now {choice.label}." if done.changed else "The organisation is already on that plan."


def preview_assignment(session: Session, org_id: UUID, choice: AssignablePlan, now: datetime) -> MoveDecision | None:
    """Decide when an assignment takes effect. None: at once, as a plan starts or ends, or one just given is corrected.

    Writes nothing. Raises `NotFound`.
    """
    current = queries.find_subscription(session, org_id)
    version = catalog.find_version(session, choice.version_id)
    if current is None or version is None or current.collection != "offline" or find_collection(version) != "offline":
        return None
    if now < current.started_at + runtime().settings.close_grace:  # its fee is not invoiced yet
        return None
    return preview_move(session, org_id, _build_target(choice), _build_clock(now))


def _build_target(choice: AssignablePlan) -> PlannedTarget:
    return PlannedTarget(choice.version_id, choice.interval, choice.currency)


def _build_clock(now: datetime) -> MoveClock:
    return MoveClock(now, now + runtime().settings.plan_move_notice)


def _label(row: Row[Any]) -> str:
    private = "" if row.public else " (private)"
    if row.amount is None:
        return f"{row.name}{private}, custom price"
    return f"{row.name}{private}, {format_amount(row.amount, row.currency)} a {row.interval}, {row.currency}"
