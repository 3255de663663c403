"""Moves as the staff API answers them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.admin.plan_moves.decide import MoveDecision
from app.admin.plan_moves.progress import find_progress, may_undo, sum_progress
from app.admin.plan_moves.schemas import MoveEffect, MoveOrgOut, MoveOut
from app.admin.plan_moves.words import NOTES
from app.admin.plan_versions.radius_answer import build_change
from app.statements.blast.effects import OrgEffect


def build_effect(effect: OrgEffect, decision: MoveDecision) -> MoveEffect:
    """What a move would change for one organisation, and when."""
    fee_at, usage_at = _find_days(decision)
    return MoveEffect(
        org_id=str(effect.org_id),
        name=effect.name,
        currency=effect.currency,
        running=build_change(effect.running),
        last_closed=build_change(effect.closed) if effect.closed else None,
        exceeded=list(effect.exceeded),
        sold=effect.sold,
        takes_effect=decision.kind,
        reason=decision.reason,
        detail=NOTES.get(decision.reason or ""),
        fee_at=fee_at,
        usage_at=usage_at,
    )


def build_move(row: Row[Any], counts: Mapping[tuple[str, str | None], int]) -> MoveOut:
    """A move with its progress."""
    return MoveOut(
        id=str(row.id),
        plan=row.plan_key,
        from_version=row.from_number,
        to_version=row.to_number,
        reason=row.reason,
        asked_at=row.asked_at,
        not_before=row.not_before,
        stopped_at=row.stopped_at,
        orgs=row.orgs,
        progress=dict(sorted(sum_progress(counts).items())),
    )


def build_move_org(row: Row[Any]) -> MoveOrgOut:
    """What a move does for an organisation; days only while they hold."""
    state = find_progress(row.state, row.outcome)
    holds = state in {"planned", "moved"}
    return MoveOrgOut(
        org_id=str(row.org_id),
        name=row.name,
        state=state,
        reason=row.note if row.note in NOTES else None,
        detail=NOTES.get(row.note, row.note) if row.note else None,
        fee_at=row.effective_at if holds else None,
        usage_at=(row.usage_at or row.effective_at) if holds else None,
        may_undo=may_undo(row),
    )


def _find_days(decision: MoveDecision) -> tuple[datetime | None, datetime | None]:
    """When the fee and the usage follow. One that is on the default plan without a subscription pays no fee."""
    dates = decision.dates
    if dates is None:
        return None, None
    return (None, dates.fee_at) if decision.kind == "kept" else (dates.fee_at, dates.usage_at or dates.fee_at)
