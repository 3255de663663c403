"""Pages: members, their roles, invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from app.accounts import guards, queries
from app.accounts.api_keys import service
from app.accounts.forms.org import InviteForm, LabelForm, RemoveMemberForm, RoleForm
from app.accounts.orgs import invitations, members
from app.accounts.roles import MANAGERS, ROLE_ROWS, ROLES, may_assign_role
from app.accounts.sign_in import login_throttle
from app.accounts.sign_in.step_up import kept_fields
from app.accounts.views.blueprint import pages
from app.accounts.views.context import CurrentMembership, current_membership
from app.kit.errors import Conflict, NotAllowed
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.forms import ButtonForm, choices_from
from app.web.pages import Undo, flash_message, redirect_to, render
from app.web.runtime import wall_now


@pages.get("/settings/members")
def members_page() -> Response:
    """List members and open invitations."""
    return _page(InviteForm(formdata=kept_fields("accounts.invite")))


@pages.post("/settings/members/invite")
def invite() -> Response:
    """Invite an address by email."""
    form, current = InviteForm(), current_membership()
    if not form.validate_on_submit():
        return _page(form, status=422)
    try:
        with transaction() as open_session:
            _count_invitation(open_session, current, form.text("email"))
            invitations.invite(
                open_session,
                current.org_id,
                form.text("email"),
                form.text("role"),
                by=current.user_id,
                actor=guards.caller().actor,
                now=wall_now(),
            )
    except (Conflict, NotAllowed) as error:
        form.form_errors.append(error.detail)
        return _page(form, status=422)
    flash_message("success", f"We sent an invitation to {form.text('email')}.")
    return redirect_to("accounts.members_page")


def _count_invitation(open_session: Session, current: CurrentMembership, email: str) -> None:
    """Raise `Conflict` where the day's invitations are used up; counted with the invitation or not at all."""
    claims = login_throttle.invitation_claims(current.org_id, current.user_id, email)
    if login_throttle.count_attempt(open_session, claims, wall_now()) is not None:
        raise Conflict("You have reached today's limit for invitations. Please try again tomorrow.")


@pages.post("/settings/invitations/<uuid:invitation_id>/revoke")
def revoke_invitation(invitation_id: UUID) -> Response:
    """Withdraw an invitation."""
    with transaction() as open_session:
        invitations.revoke(
            open_session, current_membership().org_id, invitation_id, actor=guards.caller().actor, now=wall_now()
        )
    flash_message("success", "Invitation withdrawn.")
    return redirect_to("accounts.members_page")


@pages.get("/settings/members/<uuid:user_id>")
def member(user_id: UUID) -> Response:
    """Show a member: role, label, removal."""
    return _member_page(user_id)


@pages.post("/settings/members/<uuid:user_id>/role")
def change_role(user_id: UUID) -> Response:
    """Change a member's role."""
    form, current = RoleForm(), current_membership()
    before = queries.get_membership(session(), current.org_id, user_id).role
    if not form.validate_on_submit():
        return _member_page(user_id, role_form=form)
    try:
        with transaction() as open_session:
            members.change_role(
                open_session,
                current.org_id,
                user_id,
                form.text("role"),
                by=current.user_id,
                actor=guards.caller().actor,
                now=wall_now(),
            )
    except (Conflict, NotAllowed) as error:
        form.role.errors = [error.detail]
        return _member_page(user_id, role_form=form)
    undo = Undo(path_to("accounts.change_role", user_id=user_id), {"role": before})
    flash_message("success", "Role changed. The member has to sign in again to use it.", undo)
    return redirect_to("accounts.members_page")


@pages.post("/settings/members/<uuid:user_id>/label")
def change_label(user_id: UUID) -> Response:
    """Link the member to a user label on usage events."""
    form, current = LabelForm(), current_membership()
    queries.get_membership(session(), current.org_id, user_id)
    if not form.validate_on_submit():
        return _member_page(user_id, label_form=form)
    label = form.text("external_id") or None
    try:
        with transaction() as open_session:
            members.set_label(open_session, current.org_id, user_id, label, actor=guards.caller().actor, now=wall_now())
    except Conflict as error:
        form.external_id.errors = [error.detail]
        return _member_page(user_id, label_form=form)
    flash_message("success", "ID saved.")
    return redirect_to("accounts.member", user_id=user_id)


@pages.post("/settings/members/<uuid:user_id>/remove")
def remove_member(user_id: UUID) -> Response:
    """Remove a member, with the keys of theirs that were chosen."""
    current, actor, now = current_membership(), guards.caller().actor, wall_now()
    form = RemoveMemberForm().offer(queries.list_open_keys_of(session(), current.org_id, user_id, now))
    if not form.validate_on_submit():
        return _member_page(user_id, remove_form=form)
    with transaction() as open_session:
        members.remove(open_session, current.org_id, user_id, by=current.user_id, actor=actor, now=now)
        for key_id in form.keys.data or []:
            service.revoke_key(open_session, current.org_id, UUID(key_id), actor=actor, now=now)
    guards.clear_key_cache()
    flash_message("success", "Member removed. Their usage stays.")
    return redirect_to("accounts.members_page")


def _page(form: InviteForm, status: int = 200) -> Response:
    current = current_membership()
    people = queries.list_members(session(), current.org_id)
    form.role.choices = _role_choices(current.role)
    return render(
        "accounts/settings/members.html",
        status=status,
        form=form,
        press=ButtonForm(formdata=None),
        people=people,
        invited=queries.list_open_invitations(session(), current.org_id),
        roles=ROLE_ROWS,
        may_change=current.role in MANAGERS,
        ask=[person for person in people if person.role in MANAGERS],
        now=wall_now(),
    )


def _member_page(
    user_id: UUID,
    role_form: RoleForm | None = None,
    label_form: LabelForm | None = None,
    remove_form: RemoveMemberForm | None = None,
) -> Response:
    current = current_membership()
    keys = queries.list_open_keys_of(session(), current.org_id, user_id, wall_now())
    target = queries.get_membership(session(), current.org_id, user_id)
    own_role = RoleForm(formdata=kept_fields("accounts.change_role"), role=target.role)
    own_label = LabelForm(formdata=None, external_id=target.external_id)
    shown = role_form or own_role
    shown.role.choices = _role_choices(current.role, target.role)
    return render(
        "accounts/settings/member.html",
        status=422 if role_form or label_form or remove_form else 200,
        user=queries.get_user(session(), user_id),
        membership=target,
        role_form=shown,
        label_form=label_form or own_label,
        remove_form=remove_form or RemoveMemberForm(formdata=kept_fields("accounts.remove_member")).offer(keys),
        press=ButtonForm(formdata=None),
        roles=ROLE_ROWS,
        role_words=ROLES[target.role],
        may_change=may_assign_role(current.role, target.role),
        is_self=user_id == current.user_id,
    )


def _role_choices(assigner_role: str, current_role: str | None = None) -> list[Any]:
    return choices_from(
        (role, role.capitalize()) for role in ROLES if may_assign_role(assigner_role, role) or role == current_role
    )
