"""How far a move is for an organisation: one word from the row of the move and the outcome of what it planned. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from sqlalchemy import Row

from app.subscriptions.changes.models import APPLIED, FAILED, KEPT, PLANNED, UNDONE, WAITING

Progress = Literal["waiting", "planned", "moved", "kept", "failed", "undoing", "undone", "replaced"]
_OUTCOMES: dict[str, Progress] = {APPLIED: "moved", UNDONE: "undone"}


def find_progress(state: str, outcome: str | None) -> Progress:
    """Find how far it is; `replaced`: what was planned gave way to another change.

    Worked example: planned, and applied since: moved.
    """
    if state != PLANNED or outcome is None:
        return cast("Progress", state)
    return _OUTCOMES.get(outcome, "replaced")


def sum_progress(counts: Mapping[tuple[str, str | None], int]) -> dict[Progress, int]:
    """Count a move's organisations by how far it is for them."""
    sums: dict[Progress, int] = {}
    for (state, outcome), orgs in counts.items():
        progress = find_progress(state, outcome)
        sums[progress] = sums.get(progress, 0) + orgs
    return sums


def may_undo(row: Row[Any]) -> bool:
    """Whether the move can be undone for an organisation: nothing of it has taken effect."""
    begun = row.usage_applied_at is not None or bool(row.pays)
    standing = row.state == PLANNED and row.outcome is None
    return row.state in {WAITING, KEPT, FAILED} or (standing and not begun)
