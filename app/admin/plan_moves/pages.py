"""Staff pages of moves: the effects and the days before the press, what became of each organisation, and undoing."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.admin.actors import actor_for
from app.admin.plan_moves.forms import MoveForm
from app.admin.plan_moves.preview import build_preview, find_versions
from app.admin.plan_moves.tasks import MOVE
from app.admin.plan_moves.view import MANY, MoveView, build_moved_rows, count_states, describe_cut
from app.admin.plan_versions.draft_pages import pages
from app.admin.queries import list_zones
from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.kit.queue import defer
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import FAILED
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, runtime

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered


@pages.get("/admin/plans/<key>/move")
def plan_move(key: str) -> Response:
    """Who would move, what it changes for them, and when."""
    return _render_preview(key, None)


@pages.post("/admin/plans/<key>/move")
def start_plan_move(key: str) -> Response:
    """Move them: a task plans it for one organisation after the other, and tells each. Audited."""
    form = MoveForm()
    if not form.validate_on_submit():
        return _render_preview(key, form, status=422)
    now, notice = business_now(), runtime().settings.plan_move_notice
    before, after = find_versions(session(), key, *_asked())
    if build_preview(session(), before, after, notice, now).orgs != form.orgs.data:
        flash_message("error", "Other organisations are on this version by now. Please look again.")
        return _render_preview(key, None, status=409)
    with transaction() as open_session:
        move = move_rows.start_move(
            open_session, before.id, after.id, form.text("reason"), not_before=now + notice,
            actor=actor_for(None), now=now,
        )  # fmt: skip
        move_id = move.id
        defer(open_session, MOVE)
    flash_message("success", "The move has begun. Each organisation is planned and told within minutes.")
    return redirect_to("admin.move", move_id=move_id)


@pages.get("/admin/plan-moves/<uuid:move_id>")
def move(move_id: UUID) -> Response:
    """What became of each organisation."""
    return render("admin/plan_move.html", view=_build_view(move_id), button=ButtonForm())


@pages.post("/admin/plan-moves/<uuid:move_id>/undo")
def undo_move(move_id: UUID) -> Response:
    """Take the move back for everybody for whom it has not begun to take effect."""
    with transaction() as open_session:
        found = move_rows.find_move(open_session, move_id)
        if found is None:
            raise NotFound("There is no such move.")
        undone = move_rows.stop_move(open_session, found, actor=actor_for(None), now=business_now())
        defer(open_session, MOVE)
    words = "The move is undone where it has not begun to take effect." if undone else "It was undone before."
    flash_message("success" if undone else "info", words)
    return redirect_to("admin.move", move_id=move_id)


@pages.post("/admin/plan-moves/<uuid:move_id>/orgs/<uuid:org_id>/undo")
def undo_move_org(move_id: UUID, org_id: UUID) -> Response:
    """Leave one organisation on its version."""
    with transaction() as open_session:
        done = move_rows.undo_move_org(open_session, move_id, org_id, actor=actor_for(org_id), now=business_now())
        defer(open_session, MOVE)
    words = "The organisation stays on its version. It is told within minutes." if done else "It was undone before."
    flash_message("success" if done else "info", words)
    return redirect_to("admin.move", move_id=move_id)


@pages.post("/admin/plan-moves/<uuid:move_id>/retry")
def retry_move(move_id: UUID) -> Response:
    """Try those again that failed."""
    with transaction() as open_session:
        move_rows.retry_move(open_session, move_id, actor=actor_for(None), now=business_now())
        defer(open_session, MOVE)
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


def _build_view(move_id: UUID) -> MoveView:
    found = move_rows.find_move(session(), move_id)
    if found is None:
        raise NotFound("There is no such move.")
    plans = catalog.get_plans_of_versions(session(), [found.from_version_id, found.to_version_id])
    before, after = plans[found.from_version_id], plans[found.to_version_id]
    rows, counts = move_rows.list_move_orgs(session(), move_id, MANY), move_rows.count_move_orgs(session(), move_id)
    shown = build_moved_rows(rows, list_zones(session(), [row.org_id for row in rows]))
    return MoveView(
        move_id=move_id,
        key=after.key,
        name=after.name,
        from_number=before.number,
        to_number=after.number,
        reason=found.reason,
        asked_at=found.asked_at,
        not_before=found.not_before,
        stopped_at=found.stopped_at,
        stats=count_states(counts),
        rows=shown,
        cut=describe_cut(len(rows), sum(counts.values())),
        failed=sum(orgs for (state, _), orgs in counts.items() if state == FAILED),
        may_undo=found.stopped_at is None and any(row.may_undo for row in shown),
    )
