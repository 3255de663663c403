"""Pages: accept an invitation, with or without an account."""

from __future__ import annotations

from dataclasses import replace

from flask import Response

from app.accounts import guards, queries
from app.accounts.forms.entry import JoinForm
from app.accounts.identity import request_origin
from app.accounts.models import Invitation
from app.accounts.orgs import invitations
from app.accounts.orgs.service import choose_org
from app.accounts.roles import ROLES
from app.accounts.sign_in import passwords, service, sign_up
from app.accounts.sign_in.login import request_user, signed_in_user
from app.accounts.views.blueprint import pages
from app.accounts.views.context import finish_sign_in, home
from app.kit.errors import Conflict
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_path, render
from app.web.runtime import business_now, wall_now


@pages.get("/invitations/<token>")
def invitation(token: str) -> Response:
    """Show the invitation and how to accept it."""
    row = queries.find_invitation_by_token(session(), token)
    if row is None or not row.is_open(wall_now()):
        return render("accounts/sign_in/link_gone.html", kind="invitation", status=410)
    return _page(row, token, JoinForm())


@pages.post("/invitations/<token>")
def accept_invitation(token: str) -> Response:
    """Join as the signed-in user, whose address must be the invited one."""
    signed_in, now = signed_in_user(), wall_now()
    with transaction() as open_session:
        user = queries.get_user(open_session, signed_in.user_id)
        org_id = invitations.accept(open_session, token, user, actor=guards.caller().actor, now=now)
        choose_org(open_session, signed_in.user_id, signed_in.session_id, org_id, now=now)
    flash_message("success", "You have joined the organisation.")
    return redirect_path(home())


@pages.post("/invitations/<token>/join")
def join(token: str) -> Response:
    """Join as a new user. The link came by email, so it confirms the address."""
    form = JoinForm()
    row = queries.find_invitation_by_token(session(), token)
    if row is None or not row.is_open(wall_now()):
        return render("accounts/sign_in/link_gone.html", kind="invitation", status=410)
    if not form.knowing(row.email, queries.get_org(session(), row.org_id).name).validate_on_submit():
        return _page(row, token, form, status=422)
    password_hash, origin, now = passwords.hash_password(form.text("password")), request_origin(), wall_now()
    actor = guards.visitor_actor()
    with transaction() as open_session:
        user = sign_up.create_user(
            open_session,
            row.email,
            form.text("name"),
            password_hash,
            verified=True,
            actor=actor,
            now=now,
            opened_at=business_now(),
        )
        if user is None:
            raise Conflict("This address has an account. Sign in with it to accept the invitation.")
        invitations.accept(open_session, token, user, actor=replace(actor, kind="user", id=user.id), now=now)
        session_token = service.open_session(
            open_session, user, origin, known=True, old_token=request_user().get_id(), now=now
        )
    response = finish_sign_in(home(), session_token)
    flash_message("success", "Welcome. You have joined the organisation.")
    return response


def _page(row: Invitation, token: str, form: JoinForm, status: int = 200) -> Response:
    signed_in = guards.caller()
    return render(
        "accounts/sign_in/invitation.html",
        status=status,
        token=token,
        form=form,
        press=ButtonForm(),
        invited=row,
        org_name=queries.get_org(session(), row.org_id).name,
        inviter=queries.get_user(session(), row.invited_by).name,
        role_words=ROLES[row.role],
        fits=signed_in.email == row.email,
        has_account=queries.find_user_by_email(session(), row.email) is not None,
    )
