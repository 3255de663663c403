"""What the pages of moves show: who moves and when, before the press; and what became of each, after it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.admin.plan_moves.words import NOTES, describe_move_dates
from app.admin.plan_versions.radius_view import RadiusView
from app.admin.plan_versions.view import Term
from app.subscriptions.changes.dates import MoveDates
from app.web.filters import quantity

MANY = 100
_STATES = {
    "waiting": ("Waiting", "neutral"),
    "planned": ("Planned", "accent"),
    "kept": ("Stays", "near"),
    "failed": ("Failed", "bad"),
    "undoing": ("Being undone", "neutral"),
    "undone": ("Undone", "neutral"),
}
_OUTCOMES = {
    "applied": ("Moved", "good"),
    "undone": ("Undone", "neutral"),
    "replaced": ("Gave way to another change", "near"),
    "lost": ("Gave way to another change", "near"),
}


@dataclass(frozen=True, slots=True)
class WhenRow:
    """An organisation that a move concerns, and when it takes effect for it."""

    org_id: UUID
    name: str
    when: str


@dataclass(frozen=True)
class MovePreview:
    """The page before the press. `at_once` and `orgs` count those that were rated and all."""

    key: str
    name: str
    from_number: int
    to_number: int
    notice_days: int
    terms: Sequence[Term]
    radius: RadiusView
    rows: Sequence[WhenRow]
    orgs: int


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
    cut: str | None
    failed: int
    may_undo: bool


def build_moved_rows(rows: Sequence[Row[Any]], zones: Mapping[UUID, str]) -> list[MovedRow]:
    """Build a row per organisation."""
    return [_build_row(row, zones.get(row.org_id, "UTC")) for row in rows]


def count_states(counts: Mapping[tuple[str, str | None], int]) -> list[tuple[str, str]]:
    """How many are moved, planned, and so on; what is not there is left out but for the first two."""
    sums: dict[str, int] = {"Moved": 0, "Planned": 0}
    for (state, outcome), orgs in counts.items():
        label, _ = _find_badge(state, outcome)
        sums[label] = sums.get(label, 0) + orgs
    return [(label, quantity(orgs)) for label, orgs in sums.items()]


def describe_cut(shown: int, total: int) -> str | None:
    """Say so where not all are listed."""
    return f"{quantity(shown)} of {quantity(total)} are listed." if shown < total else None


def _build_row(row: Row[Any], zone: str) -> MovedRow:
    begun = row.usage_applied_at is not None or bool(row.pays)
    standing = row.state == "planned" and row.outcome is None
    return MovedRow(
        row.org_id, row.name, _find_badge(row.state, row.outcome), _describe(row, zone),
        may_undo=row.state in {"waiting", "kept", "failed"} or (standing and not begun),
    )  # fmt: skip


def _find_badge(state: str, outcome: str | None) -> tuple[str, str]:
    return _OUTCOMES[outcome] if state == "planned" and outcome is not None else _STATES[state]


def _describe(row: Row[Any], zone: str) -> str:
    parts = []
    if row.effective_at is not None and row.state == "planned" and row.outcome in {None, "applied"}:
        words = describe_move_dates(MoveDates(row.effective_at, row.usage_at), zone)
        parts.append(f"{words[:1].upper()}{words[1:]}")
    if row.note:
        parts.append(NOTES.get(row.note, row.note))
    return ". ".join(parts) or "–"
