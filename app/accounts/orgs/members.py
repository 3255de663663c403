"""Verbs on members: change a role, set the host's label, remove, leave. An org never loses its last owner."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.auth_models import DeviceSession
from app.accounts.models import Membership
from app.accounts.orgs.roles import OWNER, may_give
from app.accounts.sign_in import sessions
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
    session: Session, org_id: UUID, user_id: UUID, role: str, *, giver: str, actor: Actor, now: datetime
) -> None:
    """Give a member another role; their sessions in this org end, so that they come back with it.

    `giver` is the role of who does it. Raises `NotAllowed` for owners' business, `Conflict` for the last owner.
    """
    member = _locked(session, org_id, user_id)
    if member.role == role:
        return
    _may(giver, member.role, role)
    _keep_an_owner(session, member)
    before, member.role = member.role, role
    session.flush()
    sessions.end_in_org(session, user_id, org_id)
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


def remove(session: Session, org_id: UUID, user_id: UUID, *, giver: str, actor: Actor, now: datetime) -> None:
    """Take a member out of the org; their usage stays. Repeating it is `NotFound`."""
    member = _locked(session, org_id, user_id)
    _may(giver, member.role, member.role)
    _take_out(session, member, "member.removed", actor=actor, now=now)
    sessions.end_in_org(session, user_id, org_id)


def leave(session: Session, org_id: UUID, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Leave an org; this user's devices there go on in another of their orgs, or in none."""
    _take_out(session, _locked(session, org_id, user_id), "member.left", actor=actor, now=now)
    others = queries.org_choices(session, user_id)
    there = (DeviceSession.user_id == user_id) & (DeviceSession.org_id == org_id)
    session.execute(update(DeviceSession).where(there).values(org_id=others[0].id if others else None))


def set_label(
    session: Session, org_id: UUID, user_id: UUID, external_id: str | None, *, actor: Actor, now: datetime
) -> None:
    """Link a member to the host product's label on usage events; `Conflict` when another member has it."""
    member = _locked(session, org_id, user_id)
    if member.external_id == external_id:
        return
    before = member.external_id
    try:
        with session.begin_nested():
            member.external_id = external_id
    except IntegrityError as taken:
        raise Conflict("Another member of this organisation has that label.") from taken
    personal = {"before": before, "after": external_id}
    on = ("user", user_id)
    write(session, actor, "member.label_changed", on=on, org_id=org_id, personal=personal, now=now)


def _locked(session: Session, org_id: UUID, user_id: UUID) -> Membership:
    """The member, with all rows of the org's owners locked: two owners cannot demote each other at once."""
    mine = (Membership.role == OWNER) | (Membership.user_id == user_id)
    rows = select(Membership).where(Membership.org_id == org_id, mine).order_by(Membership.user_id).with_for_update()
    found = {each.user_id: each for each in session.scalars(rows.execution_options(populate_existing=True))}
    return found.get(user_id) or queries.membership(session, org_id, user_id)


def _may(giver: str, *roles: str) -> None:
    if not all(may_give(giver, role) for role in roles):
        raise NotAllowed("Only an owner changes who is an owner.")


def _keep_an_owner(session: Session, member: Membership) -> None:
    if member.role != OWNER:
        return
    others = select(Membership.user_id).where(
        Membership.org_id == member.org_id, Membership.role == OWNER, Membership.user_id != member.user_id
    )
    if session.execute(others.limit(1)).first() is None:
        raise Conflict("The last owner stays: name another owner first.")


def _take_out(session: Session, member: Membership, action: str, *, actor: Actor, now: datetime) -> None:
    _keep_an_owner(session, member)
    before = {"role": member.role}
    session.delete(member)
    session.flush()
    on = ("user", member.user_id)
    write(session, actor, action, on=on, org_id=member.org_id, before=before, now=now)
