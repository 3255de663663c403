"""Plans a change for the end of the paid period, in place of one that was planned before, and takes it back.

Our row comes first, then the schedule at Stripe, which the next press or the sweep makes if this could not.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict, Unavailable
from app.payments import queries
from app.payments.errors import ChangeNotNow
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.plan_changes.case import ChangeCase, load_case
from app.payments.plan_changes.emails import queue_change_emails
from app.payments.plan_changes.make_quote import NOT_SOLD, RENEWING, make_quote
from app.payments.plan_changes.resolve import sync_change
from app.payments.plan_changes.schedule import ensure_schedule, release_ours
from app.stripe_gateway import Gateway, subscriptions
from app.subscriptions import queries as ours
from app.subscriptions.changes.models import ORG, REPLACED, STAFF, UNDONE, PlannedChange
from app.subscriptions.changes.moves import ensure_not_begun
from app.subscriptions.changes.planned import end_planned, find_planned, plan_change
from app.subscriptions.changes.timing import settle_timing
from app.subscriptions.periods import lock_usage
from app.web.database import mark_sent, transaction

_NOT_THEN = "This change does not wait for the end of the paid period. Nothing was changed."
_FIRST = "This change cannot be planned yet. Nothing was changed. The plan's page says what comes first."
_UNDO_FIRST = "Another change takes effect within a day. Undo that first. Nothing was changed."


def plan_ahead(
    org_id: UUID, plan_key: str, interval: str, *, version_id: UUID | None = None, actor: Actor, now: datetime
) -> datetime:
    """Plan a change for the end of the paid period; returns when. Nothing is charged. Repeating it changes nothing.

    `version_id` is the version that was shown. Opens its own transactions. Raises `ChangeNotNow` (something comes
    first, or it is made at once), `Conflict` (another version is on sale now), `Unavailable` (Stripe is away: what was
    planned is sent to it within minutes).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            known = _find_same(session, org_id, plan_key, interval)
            case = load_case(session, org_id, plan_key, interval, now) if known is None else None
        if case is not None:
            _ensure_later(gw, case, interval, now)
        mark_sent(sent=False)  # roles are read again, right before the row is written
        with transaction() as session:
            planned = _find_same(session, org_id, plan_key, interval)
            if planned is None:
                planned = _record(session, org_id, plan_key, interval, version_id, actor=actor, now=now)
                queue_change_emails(session, org_id, now)
        ensure_schedule(gw, org_id, now)
        with transaction() as session:
            moved = find_planned(session, org_id)
            return moved.effective_at if moved is not None else now


def undo_planned(org_id: UUID, *, actor: Actor, now: datetime, origin: str = ORG) -> bool:
    """Take back what the organisation planned, or with `origin` staff; False if that is not what is planned.

    If this stops once the schedule is released, the next sync of the subscription takes it back. Raises `Unavailable`,
    and `Conflict` if what staff planned has begun to take effect.
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
            stands, stripe_id = planned is not None and planned.origin == origin, mirror.id if mirror else None
            if planned is not None and stands and origin == STAFF:
                ensure_not_begun(session, planned)
        if not stands or stripe_id is None:
            return False
        remote = release_ours(gw, subscriptions.retrieve(gw, stripe_id))
        with transaction() as session:
            planned = find_planned(session, org_id)
            if planned is not None and planned.origin == origin:
                end_planned(session, planned, UNDONE, now, actor=actor)
                queue_change_emails(session, org_id, now)
        sync_change(gw, org_id, remote, now)
        return True


def is_later(timing: str, interval: str) -> bool:
    """Who pays yearly may choose a higher plan by the month, then."""
    return timing == "choose" and interval == "month"


def _ensure_later(gw: Gateway, case: ChangeCase, interval: str, now: datetime) -> None:
    """Raise `ChangeNotNow` unless a change waits for the period's end; where it may be at once, its price decides."""
    _refuse_first(case)
    decision = case.decision
    if decision.timing == "at_once":
        decision = settle_timing(decision, make_quote(gw, case, now).quote.total)
    if decision.timing != "at_period_end" and not is_later(decision.timing, interval):
        raise ChangeNotNow(_NOT_THEN, reason=decision.reason)


def _refuse_first(case: ChangeCase) -> None:
    decision = case.decision
    if decision.timing in {"first", "refused"}:
        raise ChangeNotNow(_UNDO_FIRST if decision.reason == "planned" else _FIRST, reason=decision.reason)


def _find_same(session: Session, org_id: UUID, plan_key: str, interval: str) -> PlannedChange | None:
    """The planned change, if it is this one."""
    planned = find_planned(session, org_id)
    if planned is None or planned.interval != interval or planned.origin != ORG:
        return None
    plan = catalog.find_plan_of_version(session, planned.plan_version_id)
    return planned if plan is not None and plan.key == plan_key else None


def _record(
    session: Session,
    org_id: UUID,
    plan_key: str,
    interval: str,
    version_id: UUID | None,
    *,
    actor: Actor,
    now: datetime,
) -> PlannedChange:
    lock_usage(session, org_id)  # staff may be planning a move
    case = load_case(session, org_id, plan_key, interval, now)
    _refuse_first(case)
    if version_id is not None and version_id != case.wanted.version_id:
        raise Conflict("The plan has changed since you opened this page. Please review it again.")
    if case.wanted.price_id is None:
        raise Unavailable(NOT_SOLD)
    subscription = ours.find_subscription(session, org_id)
    if subscription is None:
        raise Conflict(_NOT_THEN)
    if subscription.billing_ends_at <= now:
        raise Conflict(RENEWING)
    replaced = find_planned(session, org_id)
    if replaced is not None:
        end_planned(session, replaced, REPLACED, now, actor=actor)
    return plan_change(session, subscription, case.wanted.version_id, interval, actor=actor, now=now)
