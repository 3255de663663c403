"""Staff page of a draft: a plan's TOML, what it changes and for whom, and the press that publishes it."""

from __future__ import annotations

from flask import Response, request

from app.admin.actors import actor_for
from app.admin.plan_versions.draft_view import DraftView, build_draft_view
from app.admin.plan_versions.drafting import check_draft, publish
from app.admin.plan_versions.form import DraftForm, PublishForm
from app.admin.plan_versions.pages import pages
from app.catalog import queries as catalog
from app.catalog.errors import CatalogError
from app.catalog.export import export_plan
from app.kit.errors import Conflict
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered


@pages.get("/admin/plan-draft")
def plan_draft() -> Response:
    """The newest version of a plan as TOML, to be edited; empty for a new plan."""
    key = request.args.get("plan", "")
    version = catalog.find_newest_version(session(), key) if key else None
    text = export_plan(session(), version) if version else ""
    return _render(DraftForm(formdata=None, data={"toml": text}), key if version else None)


@pages.post("/admin/plan-draft")
def check_plan_draft() -> Response:
    """What the draft would change. Publishes nothing."""
    form = DraftForm()
    if not form.validate_on_submit():
        return _render(form, status=422)
    return _check(form)


@pages.post("/admin/plan-draft/publish")
def publish_plan_draft() -> Response:
    """Publish what was checked; refused if another version was published since. Audited."""
    form = PublishForm()
    if not form.validate_on_submit():
        return _render(DraftForm(formdata=None, data={"toml": form.text("toml")}), status=422)
    text, after = form.text("toml"), int(form.after.data or 0)
    try:
        with transaction() as open_session:
            number = publish(open_session, text, after=after, actor=actor_for(None), now=business_now())
    except Conflict as refused:
        flash_message("error", refused.detail)
        return _check(DraftForm(formdata=None, data={"toml": text}), status=409)
    except CatalogError as refused:
        return _show_mistakes(DraftForm(formdata=None, data={"toml": text}), refused)
    flash_message("success", f"Version {number} is published." if number else "The description is saved.")
    return redirect_to("admin.plans")


def _check(form: DraftForm, status: int = 200) -> Response:
    try:
        with transaction() as open_session:
            view = build_draft_view(check_draft(open_session, form.text("toml"), business_now()))
    except CatalogError as refused:
        return _show_mistakes(form, refused)
    return _render(form, view=view, status=status)


def _show_mistakes(form: DraftForm, refused: CatalogError) -> Response:
    form.toml.errors = ["This is not a plan that can be published."]
    form.form_errors += [
        f"Line {each.line}, {each.key}: {each.detail}." if each.key else f"Line {each.line}: {each.detail}."
        for each in refused.problems
    ]
    return _render(form, status=422)


def _render(form: DraftForm, key: str | None = None, *, view: DraftView | None = None, status: int = 200) -> Response:
    publishing = PublishForm(formdata=None, data={"toml": form.text("toml"), "after": view.after}) if view else None
    return render("admin/plan_draft.html", status=status, form=form, key=key, view=view, publishing=publishing)
