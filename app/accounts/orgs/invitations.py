"""Invitations: 256 random bits by mail, kept hashed, good once and for seven days, bound to the address."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.models import Invitation, User
from app.accounts.orgs import members
from app.accounts.orgs.roles import may_give
from app.accounts.sign_in.tokens import digest_token, new_token
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotAllowed, NotFound
from app.kit.ids import new_id

LIFE = timedelta(days=7)


def invite(
    session: Session, org_id: UUID, email: str, role: str, *, by: UUID, giver: str, actor: Actor, now: datetime
) -> Invitation:
    """Invite an address; an older open invitation of it is replaced. `giver` is the role of who invites.

    Raises `NotAllowed` when the giver may not give the role, `Conflict` when the address is a member already.
    """
    if not may_give(giver, role):
        raise NotAllowed("Only an owner invites an owner.")
    if any(member.email == email for member in queries.members(session, org_id)):
        raise Conflict("This address is a member already.")
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
        expires_at=now + LIFE,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as raced:
        raise Conflict("This address is being invited by somebody else just now.") from raced
    inviter, org = queries.user(session, by), queries.org(session, org_id)
    emails.invited(session, row, org, inviter, token, now=now)
    on = ("invitation", row.id)
    write(session, actor, "invitation.made", on=on, org_id=org_id, after={"role": role}, now=now)
    return row


def revoke(session: Session, org_id: UUID, invitation_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Take an invitation back; one that was accepted or taken back already is left as it is."""
    row = queries.invitation(session, org_id, invitation_id)
    if row.accepted_at is None and row.revoked_at is None:
        row.revoked_at = now
        session.flush()
        write(session, actor, "invitation.revoked", on=("invitation", row.id), org_id=org_id, now=now)


def accept(session: Session, token: str, user: User, *, actor: Actor, now: datetime) -> UUID:
    """Make the user a member; returns the org's id. Used up by the first who accepts.

    Raises `NotFound` when the link is no longer good, `NotAllowed` for a user of another address.
    """
    row = session.scalars(
        select(Invitation).where(Invitation.token_hash == digest_token(token)).with_for_update()
    ).one_or_none()
    if row is None or not row.is_open(now):
        raise NotFound("This invitation is no longer good. Ask for a new one.")
    if user.email != row.email or user.email_verified_at is None:
        raise NotAllowed("This invitation is for another address. Sign in with that one.")
    queries.org(session, row.org_id)
    row.accepted_at = now
    members.join(session, row.org_id, user.id, row.role, actor=actor, now=now)
    return row.org_id


def _replace_open(session: Session, org_id: UUID, email: str, *, now: datetime) -> None:
    still_open = (Invitation.accepted_at.is_(None)) & (Invitation.revoked_at.is_(None))
    same = (Invitation.org_id == org_id) & (Invitation.email == email)
    session.execute(update(Invitation).where(same, still_open).values(revoked_at=now))
