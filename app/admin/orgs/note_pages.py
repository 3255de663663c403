"""Staff page: notes on an organisation. Customers never see them."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request, url_for
from wtforms.validators import DataRequired, Length

from app.accounts import queries as accounts
from app.accounts.guards import caller
from app.accounts.models import MOST_NOTE
from app.accounts.orgs.notes import delete_note, list_notes, may_delete_note, write_note
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.orgs.list_pages import pages
from app.kit.errors import Conflict
from app.kit.ids import parse_id
from app.web.database import session, transaction
from app.web.forms import PageForm, PlainTextField
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

__all__ = ["pages"]  # `timeline_pages` imports the blueprint from here, once these routes are registered

_MANY = 25
_LENGTH = Length(max=MOST_NOTE, message=f"Use at most {MOST_NOTE:,} characters.")


class NoteForm(PageForm):
    """A note on an organisation."""

    note = PlainTextField("New note", [DataRequired("Enter the note."), _LENGTH])


@pages.get("/admin/orgs/<uuid:org_id>/notes")
def org_notes(org_id: UUID) -> Response:
    """The notes, newest first, and the form for another. The look is audited."""
    answer = _render(org_id, NoteForm())
    audit_read(actor_for(org_id), VIEWED, org_id)
    return answer


@pages.post("/admin/orgs/<uuid:org_id>/notes")
def write_org_note(org_id: UUID) -> Response:
    """Write a note. Audited."""
    form = NoteForm()
    if not form.validate_on_submit():
        return _render(org_id, form, 422)
    try:
        with transaction() as open_session:
            write_note(open_session, org_id, form.text("note"), actor=actor_for(org_id), now=business_now())
    except Conflict as full:
        form.note.errors = [full.detail]
        return _render(org_id, form, 422)
    flash_message("success", "The note is written. Only staff see it.")
    return redirect_to("admin.org_notes", org_id=org_id)


@pages.post("/admin/orgs/<uuid:org_id>/notes/<uuid:note_id>/delete")
def delete_org_note(org_id: UUID, note_id: UUID) -> Response:
    """Delete a note: one's own, or as an owner of the staff anybody's. Audited."""
    with transaction() as open_session:
        delete_note(
            open_session,
            org_id,
            note_id,
            staff_owner=caller().staff_owner,
            actor=actor_for(org_id),
            now=business_now(),
        )
    flash_message("success", "The note is deleted.")
    return redirect_to("admin.org_notes", org_id=org_id)


def _render(org_id: UUID, form: NoteForm, status: int = 200) -> Response:
    org, before, who = accounts.get_org(session(), org_id), parse_id(request.args.get("before", "")), caller()
    rows = list_notes(session(), org_id, before=before, limit=_MANY + 1)
    following = rows[_MANY - 1].id if len(rows) > _MANY else None
    return render(
        "admin/notes.html",
        status=status,
        org=org,
        form=form,
        notes=rows[:_MANY],
        may_delete=lambda note: may_delete_note(note.author_id, who.user_id, staff_owner=who.staff_owner),
        next_href=url_for("admin.org_notes", org_id=org_id, before=following) if following else None,
        first_href=url_for("admin.org_notes", org_id=org_id) if before else None,
    )
