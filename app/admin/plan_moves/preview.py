"""Reads what a move would do: its blast radius, and for the organisations listed when it takes effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.admin.plan_moves.decide import MoveClock, decide_move, load_move_facts
from app.admin.plan_moves.view import MovePreview, MovesPage, OrgMove, WhenRow, describe_move
from app.admin.plan_versions import view as views
from app.admin.plan_versions.radius_view import SHOWN, build_radius_view
from app.catalog import queries as catalog
from app.catalog.compare import compare_terms
from app.catalog.from_db import build_terms
from app.catalog.models import PlanVersion
from app.kit.errors import NotFound
from app.payments import queries as payments
from app.statements.blast.effects import OrgEffect
from app.statements.blast.radius import find_blast_radius, list_effects
from app.statements.blast.version import PricedVersion, load_priced_version
from app.subscriptions.changes.dates import prepare_dates
from app.subscriptions.changes.moves import PlannedTarget


def find_versions(session: Session, key: str, from_number: int, to_number: int) -> tuple[PlanVersion, PlanVersion]:
    """Find the two published versions of a plan. Raises `NotFound`."""
    before, after = (catalog.find_version_of(session, key, number) for number in (from_number, to_number))
    if before is None or after is None or before.id == after.id:
        raise NotFound("There are no two such versions.")
    return before, after


def build_preview(
    session: Session, before: PlanVersion, after: PlanVersion, notice: timedelta, now: datetime
) -> MovePreview:
    """Build the page: the figures are those of everybody on the version, as they are now."""
    version = load_priced_version(session, after)
    radius = find_blast_radius(session, version, now, number=before.number)
    decided = _decide(session, radius.effects[:SHOWN], version, MoveClock(now, now + notice))
    return MovePreview(
        key=after.plan.key,
        name=after.plan.name,
        from_number=before.number,
        to_number=after.number,
        notice_days=notice.days,
        terms=views.build_terms(compare_terms(build_terms(before), build_terms(after))),
        radius=build_radius_view(radius, after.number, f"on version {before.number}"),
        rows=[WhenRow(each.effect.org_id, each.effect.name, describe_move(each)) for each in decided],
        orgs=radius.orgs,
    )


def list_moves_page(
    session: Session, versions: tuple[PlanVersion, PlanVersion], clock: MoveClock, *, after: UUID | None, limit: int
) -> MovesPage:
    """List what a move from the first version to the second would do, from the organisation `after`."""
    version = load_priced_version(session, versions[1])
    found = list_effects(session, version, clock.now, versions[0].number, after=after, limit=limit + 1)
    moves = _decide(session, found[:limit], version, clock)
    return MovesPage(moves, found[limit - 1].org_id if len(found) > limit else None)


def _decide(session: Session, effects: Sequence[OrgEffect], version: PricedVersion, clock: MoveClock) -> list[OrgMove]:
    """Decide about each, in its organisation's zone. The organisations are loaded for all decisions at once."""
    org_ids = [effect.org_id for effect in effects]
    orgs, facts = accounts.get_orgs(session, org_ids), load_move_facts(session, org_ids)
    prepare_dates(session, {org_id: fact.current for org_id, fact in facts.items()}, [clock.now, clock.not_before])
    payments.prepare_open_subscriptions(session, org_ids)
    moves = []
    for effect in effects:
        current = facts[effect.org_id].current
        interval, currency = (current.interval, current.currency) if current else ("month", effect.currency)
        target = PlannedTarget(version.version_id, interval, currency)
        decision = decide_move(session, effect, version, target, clock, facts=facts[effect.org_id])
        moves.append(OrgMove(effect, decision, orgs[effect.org_id].time_zone))
    return moves
