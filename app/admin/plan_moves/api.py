"""Staff API of moves: preview one, start it, follow it, take it back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.admin.actors import actor_for
from app.admin.plan_moves import examples
from app.admin.plan_moves.answers import build_effect, build_move, build_move_org
from app.admin.plan_moves.decide import MoveClock
from app.admin.plan_moves.preview import find_versions, list_moves_page
from app.admin.plan_moves.schemas import (
    MoveEffectsAnswer,
    MoveEffectsQuery,
    MoveOrgOut,
    MoveOrgsAnswer,
    MoveOrgsQuery,
    MoveOut,
    MovePreviewAnswer,
    MoveQuery,
    MoveRequest,
    MovesAnswer,
    MovesQuery,
)
from app.admin.plan_moves.start import retry_move, start_move, undo_move, undo_move_org
from app.admin.plan_versions.draft_api import api
from app.admin.plan_versions.radius_answer import build_radius, list_terms
from app.catalog.compare import compare_terms
from app.catalog.from_db import build_terms
from app.statements.blast.radius import find_blast_radius
from app.statements.blast.version import load_priced_version
from app.subscriptions.changes import move_rows
from app.web.database import session, transaction
from app.web.paging import encode_cursor, parse_id_cursor, parse_time_id_cursor
from app.web.runtime import business_now, runtime

__all__ = ["api"]  # `analytics.api` imports the blueprint from here, once these calls are registered


@api.operation(
    "GET", "/admin/plans/<key>/move", query=MoveQuery, response=MovePreviewAnswer, answer=examples.PREVIEW,
    summary="Preview a move to another version of a plan",
    description="What differs, and what that changes for the organisations on the version, on real usage. Writes"
    " nothing. Fees are summed for all of them, usage for `rated`.",
)  # fmt: skip
def preview_move(query: MoveQuery, key: str) -> MovePreviewAnswer:
    """The same figures as the staff page."""
    now, notice = business_now(), runtime().settings.plan_move_notice
    before, after = find_versions(session(), key, query.from_version, query.to_version)
    return MovePreviewAnswer(
        plan=key,
        from_version=before.number,
        to_version=after.number,
        notice_days=notice.days,
        not_before=now + notice,
        terms=list_terms(compare_terms(build_terms(before), build_terms(after))),
        radius=build_radius(
            find_blast_radius(session(), load_priced_version(session(), after), now, number=before.number)
        ),
    )


@api.operation(
    "GET", "/admin/plans/<key>/move/orgs", query=MoveEffectsQuery, response=MoveEffectsAnswer,
    answer=examples.EFFECTS, summary="List when a move would take effect, and for whom",
    description="Every organisation on the version: what its running and its last closed period cost now and would"
    " cost, and when fee and usage would follow. Writes nothing.",
)  # fmt: skip
def list_move_effects(query: MoveEffectsQuery, key: str) -> MoveEffectsAnswer:
    """The same as the staff page, for all of them."""
    now = business_now()
    clock = MoveClock(now, now + runtime().settings.plan_move_notice)
    versions = find_versions(session(), key, query.from_version, query.to_version)
    page = list_moves_page(session(), versions, clock, after=parse_id_cursor(query.next), limit=query.limit)
    return MoveEffectsAnswer(
        orgs=[build_effect(each.effect, each.decision) for each in page.moves],
        next=encode_cursor(str(page.following)) if page.following else None,
    )


@api.operation(
    "POST", "/admin/plan-moves", request=MoveRequest, response=MoveOut, errors=("conflict", "not_found"),
    example=examples.START, answer=examples.STARTED, summary="Move organisations to another version of a plan",
    description="Everybody on the version is planned, and told by email, within minutes. At once only where nothing of"
    " the running period becomes dearer or less; else usage and fee follow with the first periods that begin after the"
    " notice. Returns 409 if not `orgs` are on the version.",
)  # fmt: skip
def start_plan_move(request: MoveRequest) -> MoveOut:
    """The same as the press on the staff page."""
    with transaction() as open_session:
        versions = find_versions(open_session, request.plan, request.from_version, request.to_version)
        move = start_move(
            open_session, versions, request.reason, request.orgs,
            notice=runtime().settings.plan_move_notice, actor=actor_for(None), now=business_now(),
        )  # fmt: skip
        return _answer(open_session, move.id)


@api.operation(
    "GET", "/admin/plan-moves", query=MovesQuery, response=MovesAnswer, answer=examples.MOVES,
    summary="List moves, newest first", description="Each with how far it is.",
)  # fmt: skip
def list_plan_moves(query: MovesQuery) -> MovesAnswer:
    """The moves of one plan, or of all."""
    rows = move_rows.list_moves(session(), query.plan, query.limit + 1, parse_time_id_cursor(query.next))
    shown = rows[: query.limit]
    counts = move_rows.count_move_orgs(session(), [row.id for row in shown])
    last = shown[-1] if len(rows) > query.limit else None
    return MovesAnswer(
        moves=[build_move(row, counts[row.id]) for row in shown],
        next=encode_cursor(last.asked_at.isoformat(), str(last.id)) if last else None,
    )


@api.operation(
    "GET", "/admin/plan-moves/<uuid:move_id>", response=MoveOut, answer=examples.MOVE, summary="Show a move",
    description="How far it is for how many organisations.",
)  # fmt: skip
def show_plan_move(move_id: UUID) -> MoveOut:
    """The same counts as the staff page."""
    return _answer(session(), move_id)


@api.operation(
    "GET", "/admin/plan-moves/<uuid:move_id>/orgs", query=MoveOrgsQuery, response=MoveOrgsAnswer,
    answer=examples.MOVE_ORGS, summary="List the organisations of a move",
    description="What became of each: planned for when, moved, kept or failed and why.",
)  # fmt: skip
def list_plan_move_orgs(query: MoveOrgsQuery, move_id: UUID) -> MoveOrgsAnswer:
    """The same as the staff page."""
    move_rows.get_move_row(session(), move_id)
    rows = move_rows.list_move_orgs_after(session(), move_id, parse_id_cursor(query.next), query.limit + 1)
    shown = rows[: query.limit]
    return MoveOrgsAnswer(
        orgs=[build_move_org(row) for row in shown],
        next=encode_cursor(str(shown[-1].org_id)) if len(rows) > query.limit else None,
    )


@api.operation(
    "POST", "/admin/plan-moves/<uuid:move_id>/undo", response=MoveOut, answer=examples.STOPPED, idempotent=False,
    summary="Undo a move",
    description="For every organisation for which nothing of it has taken effect; each is told. Repeating the call"
    " changes nothing.",
)  # fmt: skip
def undo_plan_move(move_id: UUID) -> MoveOut:
    """The same as the staff page."""
    with transaction() as open_session:
        undo_move(open_session, move_id, actor=actor_for(None), now=business_now())
        return _answer(open_session, move_id)


@api.operation(
    "POST", "/admin/plan-moves/<uuid:move_id>/retry", response=MoveOut, answer=examples.RETRIED, idempotent=False,
    summary="Try the failed organisations of a move again",
    description="Repeating the call changes nothing while none has failed.",
)  # fmt: skip
def retry_plan_move(move_id: UUID) -> MoveOut:
    """The same as the staff page."""
    with transaction() as open_session:
        retry_move(open_session, move_id, actor=actor_for(None), now=business_now())
        return _answer(open_session, move_id)


@api.operation(
    "POST", "/admin/plan-moves/<uuid:move_id>/orgs/<uuid:org_id>/undo", response=MoveOrgOut, errors=("conflict",),
    answer=examples.LEFT_OUT, idempotent=False, summary="Leave one organisation out of a move",
    description="It stays on its version, and is told if it was told of the move. Returns 409 once it has been moved."
    " Repeating the call changes nothing.",
)  # fmt: skip
def undo_plan_move_org(move_id: UUID, org_id: UUID) -> MoveOrgOut:
    """The same as the staff page."""
    with transaction() as open_session:
        undo_move_org(open_session, move_id, org_id, actor=actor_for(org_id), now=business_now())
        return build_move_org(move_rows.get_move_org(open_session, move_id, org_id))


def _answer(open_session: Session, move_id: UUID) -> MoveOut:
    row = move_rows.get_move_row(open_session, move_id)
    return build_move(row, move_rows.count_move_orgs(open_session, [move_id])[move_id])
