"""Changes memberships: role, host label, removal, leaving. An org always keeps an owner."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.auth_models import DeviceSession
from app.accounts.membership_lock import lock_membership
from app.accounts.models import Invitation, Membership
from app.accounts.roles import OWNER, may_assign_role
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotAllowed


def join(session: Session, org_id: UUID, user_id: UUID, role: str, *, actor: Actor, now: datetime) -> None:
    """Make a user a member, who stays in the role they have if they are one. Audited."""
    if session.get(Membership, (org_id, user_id)) is None:
        session.add(Membership(org_id=org_id, user_id=user_id, role=role, created_at=now, chosen_at=now))
    session.flush()
    write(session, actor, "member.joined", on=("user", user_id), org_id=org_id, after={"role": role}, now=now)


def change_role(
    session: Session, org_id: UUID, user_id: UUID, role: str, *, by: UUID, actor: Actor, now: datetime
) -> None:
    """Change a member's role and end their sessions in this org, so that the new role applies at once.

    Open invitations that the member sent and may no longer give end as well.

    `by` is the member making the change, whose role is read under the lock. Raises `NotAllowed` if that role may not,
    `Conflict` for the last owner.
    """
    lock_membership(session, org_id)
    member = _lock_member(session, org_id, user_id)
    if member.role == role:
        return
    require_assignable(session, org_id, by, member.role, role)
    _ensure_other_owner(session, member)
    before, member.role = member.role, role
    session.flush()
    _end_sessions(session, user_id, org_id)
    _end_invitations(session, org_id, user_id, role, actor=actor, now=now)
    write(
        session,
        actor,
        "member.role_changed",
        on=("user", user_id),
        org_id=org_id,
        before={"role": before},
        after={"role": role},
        now=now,
    )


def remove(session: Session, org_id: UUID, user_id: UUID, *, by: UUID, actor: Actor, now: datetime) -> None:
    """Remove a member from the org; their usage stays. A second call raises `NotFound`. `by` as for `change_role`."""
    lock_membership(session, org_id)
    member = _lock_member(session, org_id, user_id)
    require_assignable(session, org_id, by, member.role)
    _delete_membership(session, member, "member.removed", actor=actor, now=now)
    _end_sessions(session, user_id, org_id)


def leave(session: Session, org_id: UUID, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Leave an org; the user's devices there switch to another of their orgs, or to none."""
    lock_membership(session, org_id)
    _delete_membership(session, _lock_member(session, org_id, user_id), "member.left", actor=actor, now=now)
    others = queries.list_org_choices(session, user_id)
    in_org = (DeviceSession.user_id == user_id) & (DeviceSession.org_id == org_id)
    session.execute(update(DeviceSession).where(in_org).values(org_id=others[0].id if others else None))


def set_label(
    session: Session, org_id: UUID, user_id: UUID, external_id: str | None, *, actor: Actor, now: datetime
) -> None:
    """Link a member to the host product's label on usage events; `Conflict` if another member has it."""
    member = _lock_member(session, org_id, user_id)
    if member.external_id == external_id:
        return
    before = member.external_id
    try:
        with session.begin_nested():
            member.external_id = external_id
    except IntegrityError as error:
        raise Conflict(
            "Another member of this organisation has that id. Remove it there first; the usage recorded under it then"
            " moves to this member."
        ) from error
    personal = {"before": before, "after": external_id}
    on = ("user", user_id)
    write(session, actor, "member.label_changed", on=on, org_id=org_id, personal=personal, now=now)


def _lock_member(session: Session, org_id: UUID, user_id: UUID) -> Membership:
    """The member, with every owner of the org locked too, so that two owners cannot demote each other at once."""
    member_or_owner = (Membership.role == OWNER) | (Membership.user_id == user_id)
    query = select(Membership).where(Membership.org_id == org_id, member_or_owner)
    query = query.order_by(Membership.user_id).with_for_update().execution_options(populate_existing=True)
    locked = {row.user_id: row for row in session.scalars(query)}
    return locked.get(user_id) or queries.get_membership(session, org_id, user_id)


def require_assignable(session: Session, org_id: UUID, by: UUID, *roles: str) -> None:
    """Raise `NotAllowed` unless the member `by` may give or remove each role. Hold the lock on the membership."""
    own = session.scalar(select(Membership.role).where(Membership.org_id == org_id, Membership.user_id == by))
    if own is None or not all(may_assign_role(own, role) for role in roles):
        raise NotAllowed(
            "Only an owner can change who is an owner." if OWNER in roles else "Your role no longer allows this."
        )


def _ensure_other_owner(session: Session, member: Membership) -> None:
    if member.role != OWNER:
        return
    others = select(Membership.user_id).where(
        Membership.org_id == member.org_id, Membership.role == OWNER, Membership.user_id != member.user_id
    )
    if session.execute(others.limit(1)).first() is None:
        raise Conflict("This is the last owner. Name another owner first.")


def _end_sessions(session: Session, user_id: UUID, org_id: UUID) -> None:
    """End the user's sessions in this org; after a change of role they sign in again with the new one."""
    session.execute(delete(DeviceSession).where(DeviceSession.user_id == user_id, DeviceSession.org_id == org_id))


def _delete_membership(session: Session, member: Membership, action: str, *, actor: Actor, now: datetime) -> None:
    _ensure_other_owner(session, member)
    before = {"role": member.role}
    session.delete(member)
    session.flush()
    on = ("user", member.user_id)
    write(session, actor, action, on=on, org_id=member.org_id, before=before, now=now)
    _end_invitations(session, member.org_id, member.user_id, None, actor=actor, now=now)


def _end_invitations(
    session: Session, org_id: UUID, user_id: UUID, role: str | None, *, actor: Actor, now: datetime
) -> None:
    """End the open invitations that a member sent and could not send in their role of now; None: no member any more."""
    sent = select(Invitation).where(
        Invitation.org_id == org_id,
        Invitation.invited_by == user_id,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
    )
    for row in session.scalars(sent.with_for_update()):
        if role is None or not may_assign_role(role, row.role):
            row.revoked_at = now
            session.flush()
            write(session, actor, "invitation.revoked", on=("invitation", row.id), org_id=org_id, now=now)
