"""Pages: the clients of an org."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import guards, queries
from app.accounts.forms.org import ClientForm, ClientNameForm
from app.accounts.orgs import clients
from app.accounts.roles import CLIENT_KEEPERS, MANAGERS
from app.accounts.views.blueprint import pages
from app.accounts.views.context import current_membership
from app.kit.errors import Conflict
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import Undo, flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now

_MOST = 200


@pages.get("/settings/clients")
def clients_page() -> Response:
    """List the org's own customers, which label usage."""
    return _page(ClientForm())


@pages.post("/settings/clients")
def create_client() -> Response:
    """Add a client."""
    form, current = ClientForm(), current_membership()
    if not form.validate_on_submit():
        return _page(form, status=422)
    try:
        with transaction() as open_session:
            clients.create_client(
                open_session,
                current.org_id,
                form.text("ref"),
                form.text("name"),
                actor=guards.caller().actor,
                now=wall_now(),
                created_at=business_now(),
            )
    except Conflict as conflict:
        form.ref.errors = [conflict.detail]
        return _page(form, status=422)
    flash_message("success", f"Client {form.text('name')} saved.")
    return redirect_to("accounts.clients_page")


@pages.route("/settings/clients/<uuid:client_id>", methods=["GET", "POST"])
def client(client_id: UUID) -> Response:
    """Rename a client."""
    current = current_membership()
    row = queries.get_client(session(), current.org_id, client_id)
    form, before = ClientNameForm(name=row.name), row.name
    if not form.validate_on_submit():
        status = 422 if form.errors else 200
        return render(
            "accounts/settings/client.html", form=form, client=row, press=ButtonForm(formdata=None), status=status
        )
    with transaction() as open_session:
        clients.rename_client(
            open_session, current.org_id, client_id, form.text("name"), actor=guards.caller().actor, now=wall_now()
        )
    flash_message("success", "Client renamed.", Undo(path_to("accounts.client", client_id=client_id), {"name": before}))
    return redirect_to("accounts.clients_page")


@pages.post("/settings/clients/<uuid:client_id>/delete")
def delete_client(client_id: UUID) -> Response:
    """Delete a client; recorded usage stays."""
    with transaction() as open_session:
        clients.delete_client(
            open_session,
            current_membership().org_id,
            client_id,
            actor=guards.caller().actor,
            now=wall_now(),
            deleted_at=business_now(),
        )
    undo = Undo(path_to("accounts.restore_client", client_id=client_id))
    flash_message("success", "Client deleted. Its recorded usage stays.", undo)
    return redirect_to("accounts.clients_page")


@pages.post("/settings/clients/<uuid:client_id>/restore")
def restore_client(client_id: UUID) -> Response:
    """Take the deletion of a client back."""
    org_id, actor = current_membership().org_id, guards.caller().actor
    with transaction() as open_session:
        clients.restore_client(open_session, org_id, client_id, actor=actor, now=wall_now())
    flash_message("success", "Client restored.")
    return redirect_to("accounts.clients_page")


def _page(form: ClientForm, status: int = 200) -> Response:
    current = current_membership()
    may_change = current.role in CLIENT_KEEPERS
    search = request.args.get("q", "")[:200].replace("\x00", "")
    rows = queries.list_clients(session(), current.org_id, search, _MOST + 1)
    return render(
        "accounts/settings/clients.html",
        status=status,
        form=form,
        rows=rows[:_MOST],
        more=len(rows) > _MOST,
        search=search,
        may_change=may_change,
        ask=[] if may_change else queries.list_members_with_role(session(), current.org_id, MANAGERS),
    )
