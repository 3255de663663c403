"""Staff page that previews the void of an import for an organisation, and voids it."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.corrections.form import ImportVoidForm
from app.admin.corrections.import_preview import preview_import
from app.admin.corrections.import_view import build_import_view, events_are
from app.admin.corrections.import_void import void_some
from app.admin.corrections.pages import pages
from app.kit.errors import NotFound
from app.kit.ids import parse_id
from app.metering.corrections.import_lookup import list_imports
from app.web.database import session
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

__all__ = ["pages"]  # `offline.pages` imports the blueprint from here, once these routes are registered

_LONGEST = 36
_WERE = ("was", "were")


@pages.get("/admin/orgs/<uuid:org_id>/corrections/imports")
def org_imports(org_id: UUID) -> Response:
    """The organisation's imports, and what the void of one would change. The look is audited."""
    asked = request.args.get("import", "").strip()[:_LONGEST]
    answer = _render(org_id, asked, ImportVoidForm(formdata=None))
    audit_read(actor_for(org_id), VIEWED, org_id)
    return answer


@pages.post("/admin/orgs/<uuid:org_id>/corrections/imports")
def void_org_import(org_id: UUID) -> Response:
    """Void the next events of an import, with a reason; audited. A press is bounded, the next one goes on."""
    asked, form = request.form.get("import", "").strip()[:_LONGEST], ImportVoidForm()
    import_id = parse_id(asked)
    if not form.validate_on_submit():
        return _render(org_id, asked, form, status=422)
    try:
        if import_id is None:
            raise NotFound("There is no import with this ID.")
        done = void_some(org_id, import_id, form.text("reason"), actor=actor_for(org_id), now=business_now())
    except NotFound as refused:
        flash_message("error", refused.detail)
    else:
        more = " Press again to void the rest." if done.more else ""
        flash_message("success" if done.voided else "info", f"{events_are(done.voided, _WERE)} voided.{more}")
    return redirect_to("admin.org_imports", org_id=org_id, **{"import": asked})


def _render(org_id: UUID, asked: str, form: ImportVoidForm, status: int = 200) -> Response:
    org = accounts.get_org(session(), org_id)
    import_id = parse_id(asked)
    preview = preview_import(session(), org_id, import_id, business_now()) if import_id else None
    imports = list_imports(session(), org_id)
    return render(
        "admin/import_void.html",
        status=status,
        org=org,
        asked=asked,
        imports=imports,
        file=next((row for row in imports if row.id == import_id), None),
        view=build_import_view(preview, org.time_zone) if preview else None,
        form=form,
    )
