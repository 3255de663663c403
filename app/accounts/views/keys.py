"""Pages: API keys."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import guards, queries
from app.accounts.api_keys import service
from app.accounts.api_keys.service import NewKey
from app.accounts.forms.org import EXPIRIES, KeyForm, RevokeForm
from app.accounts.orgs.roles import ADMIN, ORG_SCOPES, OWNER
from app.accounts.views.blueprint import pages
from app.accounts.views.context import seat
from app.kit.errors import Conflict
from app.kit.ids import new_id
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import runtime, wall_now


@pages.get("/settings/keys")
def keys() -> Response:
    """The org's keys, for owners and admins; others read whom to ask."""
    here = seat()
    may_change = here.role in {OWNER, ADMIN}
    return render(
        "accounts/keys/keys.html",
        rows=queries.keys(session(), here.org_id) if may_change else [],
        may_change=may_change,
        ask=[] if may_change else queries.people_with_role(session(), here.org_id, OWNER, ADMIN),
        now=wall_now(),
    )


@pages.get("/settings/keys/new")
def new_key() -> Response:
    """The form for a key; asks for the password when it was given long ago."""
    if not guards.caller().is_fresh(wall_now()):
        return redirect_to("accounts.confirm_password", next=path_to("accounts.new_key"))
    return render("accounts/keys/key_new.html", form=KeyForm(once=str(new_id())))


@pages.post("/settings/keys")
def create_key() -> Response:
    """Make the key and show its secret, this once."""
    if not guards.caller().is_fresh(wall_now()):
        return redirect_to("accounts.confirm_password", next=path_to("accounts.new_key"))
    form = KeyForm()
    if not form.validate_on_submit():
        return render("accounts/keys/key_new.html", form=form, status=422)
    try:
        made = _make(form)
    except Conflict as repeated:
        flash_message("warning", repeated.detail)
        return redirect_to("accounts.keys")
    return render("accounts/keys/key_made.html", key=made.row, secret=made.secret, base_url=runtime().settings.base_url)


def _make(form: KeyForm) -> NewKey:
    here, now = seat(), wall_now()
    life = EXPIRIES[form.text("expires")][1]
    with transaction() as open_session:
        return service.create_key(
            open_session,
            here.org_id,
            form.text("name"),
            form.scopes.data or [],
            pepper=runtime().settings.key_pepper,
            expires_at=now + life if life else None,
            created_by=here.user_id,
            key_id=UUID(form.text("once")),
            actor=guards.caller().actor,
            now=now,
        )


@pages.route("/settings/keys/<uuid:key_id>/revoke", methods=["GET", "POST"])
def revoke_key(key_id: UUID) -> Response:
    """Revoke a key after its name is typed."""
    here = seat()
    key = queries.key(session(), here.org_id, key_id)
    form = RevokeForm().expecting(key.name)
    if not form.validate_on_submit():
        status = 422 if form.errors else 200
        return render("accounts/keys/key_revoke.html", form=form, key=key, scopes=ORG_SCOPES, status=status)
    with transaction() as open_session:
        service.revoke_key(open_session, here.org_id, key_id, actor=guards.caller().actor, now=wall_now())
    guards.forget_keys()
    flash_message("success", f"The key {key.name} is revoked. No call with it is served from now on.")
    return redirect_to("accounts.keys")
