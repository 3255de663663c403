"""All reads of accounts. What belongs to an org is asked for with the org first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey, DeviceSession, SignInEntry
from app.accounts.models import Client, Invitation, Membership, Org, User
from app.accounts.orgs.roles import OWNER
from app.accounts.sign_in.tokens import digest_token
from app.kit.errors import NotFound


@dataclass(frozen=True)
class OrgChoice:
    """An org that a user may work in."""

    id: UUID
    name: str
    role: str


@dataclass(frozen=True)
class Member:
    """A row of the members page."""

    user_id: UUID
    name: str
    email: str
    role: str
    external_id: str | None
    created_at: datetime


@dataclass(frozen=True)
class KeyRow:
    """A row of the keys page; `made_by` is a name."""

    key: ApiKey
    made_by: str | None


def org(session: Session, org_id: UUID) -> Org:
    """The org; `NotFound` when it is unknown or deleted."""
    found = session.get(Org, org_id)
    if found is None or found.deleted_at is not None:
        raise NotFound("There is no such organisation.")
    return found


def is_org(session: Session, org_id: UUID) -> bool:
    """Whether there is or was an org of this id."""
    return session.get(Org, org_id) is not None


def user(session: Session, user_id: UUID) -> User:
    """The user; `NotFound` when unknown or deleted."""
    found = session.get(User, user_id)
    if found is None or found.deleted_at is not None:
        raise NotFound("There is no such user.")
    return found


def user_by_email(session: Session, email: str) -> User | None:
    """The user of an address in lower case."""
    found = select(User).where(User.email == email, User.deleted_at.is_(None))
    return session.execute(found).scalar_one_or_none()


def org_choices(session: Session, user_id: UUID) -> list[OrgChoice]:
    """The orgs that a user may switch to; the one chosen last stands first."""
    rows = session.execute(
        select(Org.id, Org.name, Membership.role)
        .join(Membership, Membership.org_id == Org.id)
        .where(Membership.user_id == user_id, Org.deleted_at.is_(None))
        .order_by(Membership.chosen_at.desc().nulls_last(), Membership.created_at, Org.id)
    )
    return [OrgChoice(*row) for row in rows]


def membership(session: Session, org_id: UUID, user_id: UUID) -> Membership:
    """A member of the org; `NotFound` when the user is none."""
    found = session.get(Membership, (org_id, user_id))
    if found is None:
        raise NotFound("There is no such member.")
    return found


def members(session: Session, org_id: UUID) -> list[Member]:
    """The members of an org by name."""
    rows = session.execute(
        select(User.id, User.name, User.email, Membership.role, Membership.external_id, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id)
        .order_by(func.lower(User.name), User.id)
    )
    return [Member(*row) for row in rows]


def active_members(session: Session, org_id: UUID, roles: Collection[str]) -> list[User]:
    """The members with one of these roles who are neither disabled nor deleted: owners first, then by name."""
    chosen = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, Membership.role.in_(roles))
        .where(User.disabled_at.is_(None), User.deleted_at.is_(None))
    )
    return list(session.scalars(chosen.order_by(Membership.role != OWNER, func.lower(User.name))))


def people_with_role(session: Session, org_id: UUID, *roles: str) -> list[Member]:
    """Whom to ask: the members of an org with one of these roles."""
    return [each for each in members(session, org_id) if each.role in roles]


def open_invitations(session: Session, org_id: UUID) -> Sequence[Invitation]:
    """Invitations neither accepted nor revoked, expired ones included, newest first."""
    found = select(Invitation).where(
        Invitation.org_id == org_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    )
    return session.scalars(found.order_by(Invitation.created_at.desc())).all()


def invitation(session: Session, org_id: UUID, invitation_id: UUID) -> Invitation:
    """An invitation of the org."""
    found = session.get(Invitation, invitation_id)
    if found is None or found.org_id != org_id:
        raise NotFound("There is no such invitation.")
    return found


def invitation_by_token(session: Session, token: str) -> Invitation | None:
    """The invitation that a mailed link names, whatever its state."""
    return session.scalars(select(Invitation).where(Invitation.token_hash == digest_token(token))).one_or_none()


def devices(session: Session, user_id: UUID) -> Sequence[DeviceSession]:
    """Where a user is signed in, last seen first."""
    mine = select(DeviceSession).where(DeviceSession.user_id == user_id)
    return session.scalars(mine.order_by(DeviceSession.last_seen_at.desc(), DeviceSession.id)).all()


def has_signed_in(session: Session, user_id: UUID) -> bool:
    """Whether the user ever signed in before."""
    found = select(SignInEntry.id).where(SignInEntry.user_id == user_id, SignInEntry.outcome == "signed_in").limit(1)
    return session.execute(found).first() is not None


def keys(session: Session, org_id: UUID) -> list[KeyRow]:
    """The keys of an org, newest first, revoked ones last."""
    rows = session.execute(
        select(ApiKey, User.name)
        .outerjoin(User, User.id == ApiKey.created_by)
        .where(ApiKey.org_id == org_id)
        .order_by(ApiKey.revoked_at.is_not(None), ApiKey.created_at.desc(), ApiKey.id.desc())
    )
    return [KeyRow(key, name) for key, name in rows]


def key(session: Session, org_id: UUID, key_id: UUID) -> ApiKey:
    """A key of the org; `NotFound` otherwise."""
    found = session.get(ApiKey, key_id)
    if found is None or found.org_id != org_id:
        raise NotFound("There is no such key.")
    return found


def clients(session: Session, org_id: UUID) -> Sequence[Client]:
    """The clients of an org that are not deleted, by name."""
    mine = select(Client).where(Client.org_id == org_id, Client.deleted_at.is_(None))
    return session.scalars(mine.order_by(func.lower(Client.name), Client.ref)).all()


def client(session: Session, org_id: UUID, client_id: UUID) -> Client:
    """A client of the org that is not deleted; `NotFound` otherwise."""
    found = session.get(Client, client_id)
    if found is None or found.org_id != org_id or found.deleted_at is not None:
        raise NotFound("There is no such client.")
    return found
