"""What the pages of moves show: who moves and when, before the press; and what became of each, after it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.admin.plan_moves.decide import MoveDecision
from app.admin.plan_moves.progress import Progress, find_progress, may_undo, sum_progress
from app.admin.plan_moves.words import NOTES, describe_decision, describe_move_dates
from app.admin.plan_versions.radius_view import EffectRow, RadiusView, build_effect_row
from app.admin.plan_versions.view import Term
from app.catalog.models import PlanVersion
from app.statements.blast.effects import OrgEffect
from app.subscriptions.changes.dates import MoveDates
from app.web.filters import quantity
from app.web.paging import encode_cursor

MANY, MANY_EFFECTS = 100, 50
_BADGES: dict[Progress, tuple[str, str]] = {
    "moved": ("Moved", "good"),
    "planned": ("Planned", "accent"),
    "waiting": ("Waiting", "neutral"),
    "kept": ("Stays", "near"),
    "failed": ("Failed", "bad"),
    "undoing": ("Being undone", "neutral"),
    "undone": ("Undone", "neutral"),
    "replaced": ("Gave way to another change", "near"),
}


@dataclass(frozen=True, slots=True)
class WhenRow:
    """An organisation that a move concerns, and when it takes effect for it."""

    org_id: UUID
    name: str
    when: str


@dataclass(frozen=True)
class MovePreview:
    """The page before the press; `orgs` counts all on the version."""

    key: str
    name: str
    from_number: int
    to_number: int
    notice_days: int
    terms: Sequence[Term]
    radius: RadiusView
    rows: Sequence[WhenRow]
    orgs: int


@dataclass(frozen=True)
class EffectsView:
    """The organisations that a move concerns, and when it takes effect for each; `following`: where the next begin."""

    key: str
    name: str
    from_number: int
    to_number: int
    rows: Sequence[tuple[EffectRow, str]]
    following: str | None


@dataclass(frozen=True, slots=True)
class OrgMove:
    """What a move changes for an organisation, and when; `zone` is that of its days."""

    effect: OrgEffect
    decision: MoveDecision
    zone: str


@dataclass(frozen=True, slots=True)
class MovesPage:
    """Some of the organisations on a version, by id: what a move changes for each, and when. `following`: the last of
    them, if more follow.
    """

    moves: Sequence[OrgMove]
    following: UUID | None


@dataclass(frozen=True, slots=True)
class MovedRow:
    """What a move did for an organisation; `badge` is words and tone."""

    org_id: UUID
    name: str
    badge: tuple[str, str]
    note: str
    may_undo: bool


@dataclass(frozen=True)
class MoveView:
    """The page of a move."""

    move_id: UUID
    key: str
    name: str
    from_number: int
    to_number: int
    reason: str
    asked_at: datetime
    not_before: datetime
    stopped_at: datetime | None
    stats: Sequence[tuple[str, str]]
    rows: Sequence[MovedRow]
    skip: int
    following: int | None
    failed: int
    may_undo: bool


def build_moved_rows(rows: Sequence[Row[Any]], zones: Mapping[UUID, str]) -> list[MovedRow]:
    """Build a row per organisation."""
    return [_build_row(row, zones.get(row.org_id, "UTC")) for row in rows]


def count_states(counts: Mapping[tuple[str, str | None], int]) -> list[tuple[str, str]]:
    """How many are moved, planned, and so on; what is not there is left out but for the first two."""
    sums: dict[Progress, int] = {"moved": 0, "planned": 0, **sum_progress(counts)}
    return [(words, quantity(sums[progress])) for progress, (words, _) in _BADGES.items() if progress in sums]


def build_effects_view(page: MovesPage, versions: tuple[PlanVersion, PlanVersion]) -> EffectsView:
    """Build a page of everybody whom a move concerns."""
    before, after = versions
    return EffectsView(
        key=after.plan.key,
        name=after.plan.name,
        from_number=before.number,
        to_number=after.number,
        rows=[(build_effect_row(each.effect), describe_move(each)) for each in page.moves],
        following=encode_cursor(str(page.following)) if page.following else None,
    )


def describe_move(move: OrgMove) -> str:
    """When an organisation would be moved, or why not."""
    return describe_decision(move.decision, move.zone)


def _build_row(row: Row[Any], zone: str) -> MovedRow:
    badge = _BADGES[find_progress(row.state, row.outcome)]
    return MovedRow(row.org_id, row.name, badge, _describe(row, zone), may_undo(row))


def _describe(row: Row[Any], zone: str) -> str:
    parts = []
    if row.effective_at is not None and row.state == "planned" and row.outcome in {None, "applied"}:
        words = describe_move_dates(MoveDates(row.effective_at, row.usage_at), zone)
        parts.append(f"{words[:1].upper()}{words[1:]}")
    if row.note:
        parts.append(NOTES.get(row.note, row.note))
    return ". ".join(parts) or "–"
