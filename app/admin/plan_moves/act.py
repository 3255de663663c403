"""Moves one organisation, under its usage lock: what decides is read there, by what the page showed it with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.admin.plan_moves.decide import MoveClock, MoveDecision, decide_move, load_move_facts
from app.admin.plan_moves.tell import tell_move
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotFound
from app.metering.verification.move import move_usage
from app.statements.blast.radius import find_org_effect
from app.statements.blast.version import PricedVersion, load_priced_version
from app.subscriptions import periods, queries
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.changes.moves import PlannedTarget, apply_due, plan_move


@dataclass(frozen=True, slots=True)
class MoveDone:
    """What was decided, and the row of what was planned or done; None: the organisation stays as it is."""

    decision: MoveDecision
    planned: PlannedChange | None


def move_org(
    session: Session,
    org_id: UUID,
    target: PlannedTarget,
    clock: MoveClock,
    *,
    reason: str | None,
    actor: Actor,
    shown: str | None = None,
) -> MoveDone:
    """Move an organisation to a version, at once or planned, and tell it. Audited.

    `shown` is the token of the decision that was shown. Raises `NotFound`; `Conflict` if that is not what holds now.
    """
    now = clock.now
    periods.lock_usage(session, org_id)
    periods.ensure_period(session, org_id, now, now)
    decision = preview_move(session, org_id, target, clock)
    if shown is not None and shown != decision.token:
        raise Conflict("When this takes effect has changed since you opened the page. Please look again.")
    current = queries.find_subscription(session, org_id)
    if decision.kind == "kept" or decision.dates is None or current is None:
        return MoveDone(decision, None)
    not_before = now if decision.kind == "at_once" else clock.not_before
    row = plan_move(
        session, current, target, decision.dates, not_before=not_before, reason=reason, actor=actor, now=now
    )
    tell_move(session, row, current, now)
    moved_from = apply_due(session, org_id, now)
    if moved_from is not None:
        move_usage(session, org_id, moved_from, now)
    return MoveDone(decision, row)


def preview_move(session: Session, org_id: UUID, target: PlannedTarget, clock: MoveClock) -> MoveDecision:
    """Decide about a move as it would be made now. Writes nothing. Raises `NotFound`, `Conflict`."""
    version = load_target(session, target.version_id)
    effect = find_org_effect(session, version, org_id, clock.now)
    if effect is None:
        raise Conflict("The organisation's first usage period is not open yet. Try again in a minute.")
    facts = load_move_facts(session, [org_id])[org_id]
    return decide_move(session, effect, version, target, clock, facts=facts)


def load_target(session: Session, version_id: UUID) -> PricedVersion:
    """Load the version that is moved to. Raises `NotFound`."""
    version = catalog.find_version(session, version_id)
    if version is None:
        raise NotFound("There is no such plan version.")
    return load_priced_version(session, version)
