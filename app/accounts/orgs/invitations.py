"""Invitations: a 256-bit token sent by email and stored hashed; valid once, for seven days, for that address."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.membership_lock import lock_membership
from app.accounts.models import Invitation, User
from app.accounts.orgs import members
from app.accounts.tokens import digest_token, new_token
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotAllowed, NotFound
from app.kit.ids import new_id

LIFETIME = timedelta(days=7)


def invite(
    session: Session, org_id: UUID, email: str, role: str, *, by: UUID, actor: Actor, now: datetime
) -> Invitation:
    """Invite an address, replacing an open invitation for it. The role of `by` limits the roles that can be given.

    Raises `NotAllowed` if the inviter may not give the role, `Conflict` if the address is already a member.
    """
    lock_membership(session, org_id)
    members.require_assignable(session, org_id, by, role)
    org = queries.get_org(session, org_id)
    if org.suspended_at is not None:
        raise NotAllowed("This organisation is suspended and cannot invite anybody.", code="org_suspended")
    if any(member.email == email for member in queries.list_members(session, org_id)):
        raise Conflict("This address already belongs to a member.")
    _replace_open(session, org_id, email, now=now)
    token = new_token()
    row = Invitation(
        id=new_id(),
        org_id=org_id,
        email=email,
        role=role,
        token_hash=digest_token(token),
        invited_by=by,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("Somebody else is inviting this address right now.") from error
    emails.queue_invitation(session, row, org, queries.get_user(session, by), token, now=now)
    on = ("invitation", row.id)
    write(session, actor, "invitation.made", on=on, org_id=org_id, after={"role": role}, now=now)
    return row


def revoke(session: Session, org_id: UUID, invitation_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Withdraw an invitation; no effect if it was accepted or withdrawn before."""
    row = queries.get_invitation(session, org_id, invitation_id)
    if row.accepted_at is None and row.revoked_at is None:
        row.revoked_at = now
        session.flush()
        write(session, actor, "invitation.revoked", on=("invitation", row.id), org_id=org_id, now=now)


def accept(session: Session, token: str, user: User, *, actor: Actor, now: datetime) -> UUID:
    """Make the user a member; return the org's id. An invitation can be accepted once.

    Raises `NotFound` if the link is no longer valid, `NotAllowed` for a user with another address.
    """
    row = session.scalars(
        select(Invitation).where(Invitation.token_hash == digest_token(token)).with_for_update()
    ).one_or_none()
    if row is None or not row.is_open(now):
        raise NotFound("This invitation is no longer valid. Ask for a new one.")
    if user.email != row.email or user.email_verified_at is None:
        raise NotAllowed("This invitation was sent to another address. Sign in with that one.")
    queries.get_org(session, row.org_id)
    row.accepted_at = now
    members.join(session, row.org_id, user.id, row.role, actor=actor, now=now)
    return row.org_id


def _replace_open(session: Session, org_id: UUID, email: str, *, now: datetime) -> None:
    still_open = (Invitation.accepted_at.is_(None)) & (Invitation.revoked_at.is_(None))
    same_address = (Invitation.org_id == org_id) & (Invitation.email == email)
    session.execute(update(Invitation).where(same_address, still_open).values(revoked_at=now))
