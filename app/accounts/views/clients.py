"""Pages: the clients of an org."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import guards, queries
from app.accounts.forms.base import Press
from app.accounts.forms.org import ClientForm, ClientNameForm
from app.accounts.orgs import clients
from app.accounts.orgs.roles import ADMIN, MEMBER, OWNER
from app.accounts.views.blueprint import pages
from app.accounts.views.context import seat
from app.kit.errors import Conflict
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now


@pages.get("/settings/clients")
def clients_page() -> Response:
    """The org's own customers, as labels on usage."""
    return _page(ClientForm())


@pages.post("/settings/clients")
def create_client() -> Response:
    """Add a client."""
    form, here = ClientForm(), seat()
    if not form.validate_on_submit():
        return _page(form, status=422)
    try:
        with transaction() as open_session:
            clients.create_client(
                open_session,
                here.org_id,
                form.text("ref"),
                form.text("name"),
                actor=guards.caller().actor,
                now=wall_now(),
                created_at=business_now(),
            )
    except Conflict as taken:
        form.ref.errors = [taken.detail]
        return _page(form, status=422)
    flash_message("success", f"The client {form.text('name')} is saved.")
    return redirect_to("accounts.clients_page")


@pages.route("/settings/clients/<uuid:client_id>", methods=["GET", "POST"])
def client(client_id: UUID) -> Response:
    """Rename a client."""
    here = seat()
    found = queries.client(session(), here.org_id, client_id)
    form = ClientNameForm(name=found.name)
    if not form.validate_on_submit():
        status = 422 if form.errors else 200
        return render(
            "accounts/settings/client.html", form=form, client=found, press=Press(formdata=None), status=status
        )
    with transaction() as open_session:
        clients.rename_client(
            open_session, here.org_id, client_id, form.text("name"), actor=guards.caller().actor, now=wall_now()
        )
    flash_message("success", "The client is renamed.")
    return redirect_to("accounts.clients_page")


@pages.post("/settings/clients/<uuid:client_id>/delete")
def delete_client(client_id: UUID) -> Response:
    """Delete a client; recorded usage stays."""
    with transaction() as open_session:
        clients.delete_client(
            open_session,
            seat().org_id,
            client_id,
            actor=guards.caller().actor,
            now=wall_now(),
            deleted_at=business_now(),
        )
    flash_message("success", "The client is deleted. Its recorded usage stays.")
    return redirect_to("accounts.clients_page")


def _page(form: ClientForm, status: int = 200) -> Response:
    here = seat()
    may_change = here.role in {OWNER, ADMIN, MEMBER}
    return render(
        "accounts/settings/clients.html",
        status=status,
        form=form,
        rows=queries.clients(session(), here.org_id),
        may_change=may_change,
        ask=[] if may_change else queries.people_with_role(session(), here.org_id, OWNER, ADMIN),
    )
