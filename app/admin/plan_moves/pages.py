"""Staff pages of moves: the effects and the days before the press, what became of each organisation, and undoing."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.admin.actors import actor_for
from app.admin.plan_moves import start
from app.admin.plan_moves.decide import MoveClock
from app.admin.plan_moves.forms import MoveForm
from app.admin.plan_moves.preview import build_preview, find_versions, list_moves_page
from app.admin.plan_moves.view import (
    MANY,
    MANY_EFFECTS,
    MoveView,
    build_effects_view,
    build_moved_rows,
    count_states,
)
from app.admin.plan_versions.draft_pages import pages
from app.admin.queries import list_zones
from app.kit.errors import Conflict, InvalidRequest, NotFound
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import FAILED
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_to, render
from app.web.paging import parse_id_cursor
from app.web.runtime import business_now, runtime

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered


@pages.get("/admin/plans/<key>/move")
def plan_move(key: str) -> Response:
    """Who would move, what it changes for them, and when."""
    return _render_preview(key, None)


@pages.get("/admin/plans/<key>/move/orgs")
def plan_move_orgs(key: str) -> Response:
    """Everybody who would move, page by page."""
    now, versions = business_now(), find_versions(session(), key, *_asked())
    clock = MoveClock(now, now + runtime().settings.plan_move_notice)
    try:
        after = parse_id_cursor(request.args.get("next") or None)
    except InvalidRequest:
        after = None
    page = list_moves_page(session(), versions, clock, after=after, limit=MANY_EFFECTS)
    return render("admin/plan_move_orgs.html", view=build_effects_view(page, versions), first=after is None)


@pages.post("/admin/plans/<key>/move")
def start_plan_move(key: str) -> Response:
    """Move them: a task plans it for one organisation after the other, and tells each. Audited."""
    form = MoveForm()
    if not form.validate_on_submit():
        return _render_preview(key, form, status=422)
    try:
        with transaction() as open_session:
            move_id = start.start_move(
                open_session, find_versions(open_session, key, *_asked()), form.text("reason"), form.orgs.data or 0,
                notice=runtime().settings.plan_move_notice, actor=actor_for(None), now=business_now(),
            ).id  # fmt: skip
    except Conflict as refused:
        flash_message("error", refused.detail)
        return _render_preview(key, None, status=409)
    flash_message("success", "The move has begun. Each organisation is planned and told within minutes.")
    return redirect_to("admin.move", move_id=move_id)


@pages.get("/admin/plan-moves/<uuid:move_id>")
def move(move_id: UUID) -> Response:
    """What became of each organisation."""
    skip = request.args.get("skip", "")
    view = _build_view(move_id, int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 7 else 0)
    return render("admin/plan_move.html", view=view, button=ButtonForm())


@pages.post("/admin/plan-moves/<uuid:move_id>/undo")
def undo_move(move_id: UUID) -> Response:
    """Take the move back for everybody for whom it has not begun to take effect."""
    with transaction() as open_session:
        undone = start.undo_move(open_session, move_id, actor=actor_for(None), now=business_now())
    words = "The move is undone where it has not begun to take effect." if undone else "It was undone before."
    flash_message("success" if undone else "info", words)
    return redirect_to("admin.move", move_id=move_id)


@pages.post("/admin/plan-moves/<uuid:move_id>/orgs/<uuid:org_id>/undo")
def undo_move_org(move_id: UUID, org_id: UUID) -> Response:
    """Leave one organisation on its version."""
    try:
        with transaction() as open_session:
            done = start.undo_move_org(open_session, move_id, org_id, actor=actor_for(org_id), now=business_now())
    except Conflict as refused:
        flash_message("error", refused.detail)
        return redirect_to("admin.move", move_id=move_id)
    words = "The organisation stays on its version. It is told within minutes." if done else "It was undone before."
    flash_message("success" if done else "info", words)
    return redirect_to("admin.move", move_id=move_id)


@pages.post("/admin/plan-moves/<uuid:move_id>/retry")
def retry_move(move_id: UUID) -> Response:
    """Try those again that failed."""
    with transaction() as open_session:
        start.retry_move(open_session, move_id, actor=actor_for(None), now=business_now())
    flash_message("success", "They are tried again within minutes.")
    return redirect_to("admin.move", move_id=move_id)


def _asked() -> tuple[int, int]:
    """The versions in the address. Raises `NotFound`."""
    numbers = [request.args.get(name, "") for name in ("from", "to")]
    if not all(number.isascii() and number.isdigit() and len(number) < 7 for number in numbers):
        raise NotFound("There are no two such versions.")
    return int(numbers[0]), int(numbers[1])


def _render_preview(key: str, form: MoveForm | None, status: int = 200) -> Response:
    before, after = find_versions(session(), key, *_asked())
    view = build_preview(session(), before, after, runtime().settings.plan_move_notice, business_now())
    form = form or MoveForm(formdata=None)
    form.orgs.data = view.orgs
    return render("admin/plan_move_preview.html", status=status, view=view, form=form)


def _build_view(move_id: UUID, skip: int) -> MoveView:
    found = move_rows.get_move_row(session(), move_id)
    counts = move_rows.count_move_orgs(session(), [move_id])[move_id]
    rows = move_rows.list_move_orgs(session(), move_id, MANY, skip)
    shown = build_moved_rows(rows, list_zones(session(), [row.org_id for row in rows]))
    return MoveView(
        move_id=move_id,
        key=found.plan_key,
        name=found.plan_name,
        from_number=found.from_number,
        to_number=found.to_number,
        reason=found.reason,
        asked_at=found.asked_at,
        not_before=found.not_before,
        stopped_at=found.stopped_at,
        stats=count_states(counts),
        rows=shown,
        skip=skip,
        following=skip + MANY if skip + len(rows) < found.orgs else None,
        failed=sum(orgs for (state, _), orgs in counts.items() if state == FAILED),
        may_undo=found.stopped_at is None and any(row.may_undo for row in shown),
    )
