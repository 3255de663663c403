"""Pages: API keys."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import guards, queries
from app.accounts.api_keys import service
from app.accounts.api_keys.key_form import KeyFormId, issue_form_id, read_form_id
from app.accounts.api_keys.service import NewKey
from app.accounts.forms.org import EXPIRIES, KeyForm, RevokeForm
from app.accounts.roles import MANAGERS, ORG_SCOPES
from app.accounts.sign_in.step_up import kept_fields
from app.accounts.views.blueprint import pages
from app.accounts.views.context import current_membership
from app.kit.errors import Conflict
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import runtime, wall_now


@pages.get("/settings/keys")
def keys() -> Response:
    """List the org's keys, for owners and admins; others are told whom to ask."""
    current = current_membership()
    may_change = current.role in MANAGERS
    return render(
        "accounts/keys/keys.html",
        rows=queries.list_keys(session(), current.org_id) if may_change else [],
        may_change=may_change,
        ask=[] if may_change else queries.list_members_with_role(session(), current.org_id, MANAGERS),
        now=wall_now(),
    )


@pages.get("/settings/keys/new")
def new_key() -> Response:
    """Show the form for a new key."""
    form = KeyForm(formdata=kept_fields("accounts.create_key"))
    form.once.data = issue_form_id(runtime().settings.secret_key, wall_now())
    return render("accounts/keys/key_new.html", form=form)


@pages.post("/settings/keys")
def create_key() -> Response:
    """Create the key and show its secret, here only. A second press of the same form shows the same key."""
    form = KeyForm()
    form_id = read_form_id(runtime().settings.secret_key, form.text("once"), wall_now())
    if not form.validate_on_submit() or form_id is None:
        return render("accounts/keys/key_new.html", form=form if form_id else _renew(form), status=422)
    try:
        created = _create(form, form_id)
    except Conflict as conflict:
        flash_message("warning", conflict.detail)
        return redirect_to("accounts.keys")
    return render(
        "accounts/keys/key_made.html", key=created.row, secret=created.secret, base_url=runtime().settings.base_url
    )


def _renew(form: KeyForm) -> KeyForm:
    """The form as it was filled in, under a new id, since the old one is stale."""
    form.once.data = issue_form_id(runtime().settings.secret_key, wall_now())
    form.form_errors.append("This page was open for more than ten minutes. Please press the button again.")
    return form


def _create(form: KeyForm, form_id: KeyFormId) -> NewKey:
    current, now = current_membership(), wall_now()
    lifetime = EXPIRIES[form.text("expires")][1]
    with transaction() as open_session:
        return service.create_key(
            open_session,
            current.org_id,
            form.text("name"),
            form.scopes.data or [],
            pepper=runtime().settings.key_pepper,
            expires_at=now + lifetime if lifetime else None,
            created_by=current.user_id,
            form=form_id,
            actor=guards.caller().actor,
            now=now,
        )


@pages.route("/settings/keys/<uuid:key_id>/revoke", methods=["GET", "POST"])
def revoke_key(key_id: UUID) -> Response:
    """Revoke a key after its name has been typed."""
    current = current_membership()
    key = queries.get_key(session(), current.org_id, key_id)
    form = RevokeForm().expect_name(key.name)
    if not form.validate_on_submit():
        status = 422 if form.errors else 200
        return render("accounts/keys/key_revoke.html", form=form, key=key, scopes=ORG_SCOPES, status=status)
    with transaction() as open_session:
        service.revoke_key(open_session, current.org_id, key_id, actor=guards.caller().actor, now=wall_now())
    guards.clear_key_cache()
    flash_message("success", f"Key {key.name} revoked. Calls that use it are rejected from now on.")
    return redirect_to("accounts.keys")
