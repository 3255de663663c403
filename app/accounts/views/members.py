"""Pages: members, their roles, invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from app.accounts import guards, queries
from app.accounts.forms.base import Press, offers
from app.accounts.forms.org import InviteForm, LabelForm, RoleForm
from app.accounts.orgs import invitations, members
from app.accounts.orgs.roles import ADMIN, OWNER, ROLE_ROWS, ROLES, may_give
from app.accounts.views.blueprint import pages
from app.accounts.views.context import seat
from app.kit.errors import Conflict, NotAllowed
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import wall_now


@pages.get("/settings/members")
def members_page() -> Response:
    """Who is here, and who is invited."""
    return _page(InviteForm())


@pages.post("/settings/members/invite")
def invite() -> Response:
    """Invite an address by mail."""
    form, here = InviteForm(), seat()
    if not form.validate_on_submit():
        return _page(form, status=422)
    try:
        with transaction() as open_session:
            invitations.invite(
                open_session,
                here.org_id,
                form.text("email"),
                form.text("role"),
                by=here.user_id,
                giver=here.role,
                actor=guards.caller().actor,
                now=wall_now(),
            )
    except (Conflict, NotAllowed) as refused:
        form.form_errors.append(refused.detail)
        return _page(form, status=422)
    flash_message("success", f"We sent an invitation to {form.text('email')}.")
    return redirect_to("accounts.members_page")


@pages.post("/settings/invitations/<uuid:invitation_id>/revoke")
def revoke_invitation(invitation_id: UUID) -> Response:
    """Take an invitation back."""
    with transaction() as open_session:
        invitations.revoke(open_session, seat().org_id, invitation_id, actor=guards.caller().actor, now=wall_now())
    flash_message("success", "The invitation is withdrawn.")
    return redirect_to("accounts.members_page")


@pages.get("/settings/members/<uuid:user_id>")
def member(user_id: UUID) -> Response:
    """One member: role, label, removal."""
    return _member_page(user_id)


@pages.post("/settings/members/<uuid:user_id>/role")
def change_role(user_id: UUID) -> Response:
    """Give a member another role."""
    form, here = RoleForm(), seat()
    queries.membership(session(), here.org_id, user_id)
    if not form.validate_on_submit():
        return _member_page(user_id, role_form=form)
    try:
        with transaction() as open_session:
            members.change_role(
                open_session,
                here.org_id,
                user_id,
                form.text("role"),
                giver=here.role,
                actor=guards.caller().actor,
                now=wall_now(),
            )
    except (Conflict, NotAllowed) as refused:
        form.role.errors = [refused.detail]
        return _member_page(user_id, role_form=form)
    flash_message("success", "The role is changed. The member signs in again to use it.")
    return redirect_to("accounts.members_page")


@pages.post("/settings/members/<uuid:user_id>/label")
def change_label(user_id: UUID) -> Response:
    """Say which user label of the usage events is this member."""
    form, here = LabelForm(), seat()
    queries.membership(session(), here.org_id, user_id)
    if not form.validate_on_submit():
        return _member_page(user_id, label_form=form)
    label = form.text("external_id") or None
    try:
        with transaction() as open_session:
            members.set_label(open_session, here.org_id, user_id, label, actor=guards.caller().actor, now=wall_now())
    except Conflict as refused:
        form.external_id.errors = [refused.detail]
        return _member_page(user_id, label_form=form)
    flash_message("success", "The id is saved.")
    return redirect_to("accounts.member", user_id=user_id)


@pages.post("/settings/members/<uuid:user_id>/remove")
def remove_member(user_id: UUID) -> Response:
    """Take a member out."""
    here = seat()
    with transaction() as open_session:
        members.remove(open_session, here.org_id, user_id, giver=here.role, actor=guards.caller().actor, now=wall_now())
    flash_message("success", "The member is removed. Their usage stays.")
    return redirect_to("accounts.members_page")


def _page(form: InviteForm, status: int = 200) -> Response:
    here = seat()
    people = queries.members(session(), here.org_id)
    form.role.choices = _offered(here.role)
    return render(
        "accounts/settings/members.html",
        status=status,
        form=form,
        press=Press(formdata=None),
        people=people,
        invited=queries.open_invitations(session(), here.org_id),
        roles=ROLE_ROWS,
        may_change=here.role in {OWNER, ADMIN},
        ask=[person for person in people if person.role in {OWNER, ADMIN}],
        now=wall_now(),
    )


def _member_page(user_id: UUID, role_form: RoleForm | None = None, label_form: LabelForm | None = None) -> Response:
    here = seat()
    found = queries.membership(session(), here.org_id, user_id)
    own_role = RoleForm(formdata=None, role=found.role)
    own_label = LabelForm(formdata=None, external_id=found.external_id)
    shown = role_form or own_role
    shown.role.choices = _offered(here.role, found.role)
    return render(
        "accounts/settings/member.html",
        status=422 if role_form or label_form else 200,
        user=queries.user(session(), user_id),
        membership=found,
        role_form=shown,
        label_form=label_form or own_label,
        press=Press(formdata=None),
        roles=ROLE_ROWS,
        role_words=ROLES[found.role],
        may_change=may_give(here.role, found.role),
        is_self=user_id == here.user_id,
    )


def _offered(giver: str, present: str | None = None) -> list[Any]:
    return offers((role, role.capitalize()) for role in ROLES if may_give(giver, role) or role == present)
