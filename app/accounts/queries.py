"""All reads of accounts. Functions that read an org's data take the org first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text
from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey, DeviceSession, SignInEntry
from app.accounts.identity import ORG_CHOICES_SQL, OrgChoice
from app.accounts.models import Client, Invitation, Membership, Org, User
from app.accounts.roles import OWNER
from app.accounts.tokens import digest_token
from app.kit.errors import NotFound
from app.kit.postgres.together import ask

_BILLING_CONTACT = text("""
SELECT name, email, address, tax_id, digest, billing_emails, order_number, invoice_note
FROM accounts_billing_contacts WHERE org_id = :org_id
""")
_ORG_CHOICES = text(ORG_CHOICES_SQL.format(user=":user"))


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
    """A row of the keys page; `created_by` is a name."""

    key: ApiKey
    created_by: str | None


def get_org(session: Session, org_id: UUID) -> Org:
    """Get an org; `NotFound` if it is unknown or deleted."""
    row = session.get(Org, org_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such organisation.")
    return row


def select_org(org_id: UUID) -> Select[Org]:
    """Select an org; where it was prepared, `get_org` asks nothing."""
    return select(Org).where(Org.id == org_id)


def get_orgs(session: Session, org_ids: Collection[UUID]) -> dict[UUID, Org]:
    """Get several orgs by id, in one statement; `NotFound` if one is unknown or deleted."""
    found = session.scalars(select(Org).where(Org.id.in_(org_ids), Org.deleted_at.is_(None)))
    orgs = {org.id: org for org in found}
    if set(org_ids) - orgs.keys():
        raise NotFound("There is no such organisation.")
    return orgs


def is_org(session: Session, org_id: UUID) -> bool:
    """Whether an org with this id exists or existed."""
    return session.get(Org, org_id) is not None


def get_user(session: Session, user_id: UUID) -> User:
    """Get a user; `NotFound` if unknown or deleted."""
    row = session.get(User, user_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such user.")
    return row


def find_user_by_email(session: Session, email: str) -> User | None:
    """Find the user with this (lower-case) address."""
    query = select(User).where(User.email == email, User.deleted_at.is_(None))
    return session.execute(query).scalar_one_or_none()


def list_known_words(session: Session, user_id: UUID) -> list[str]:
    """What an attacker knows about a user and tries as a password: name, address, organisations."""
    user = get_user(session, user_id)
    return [user.name, user.email, *(org.name for org in list_org_choices(session, user_id))]


def list_org_choices(session: Session, user_id: UUID) -> list[OrgChoice]:
    """List the orgs that a user can switch to, the one chosen last first."""
    return [OrgChoice(*row) for row in session.execute(_ORG_CHOICES, {"user": user_id})]


def find_billing_contact(session: Session, org_id: UUID) -> Row[Any]:
    """Find whom bills are made out and sent to, and what they repeat: a row of `accounts_billing_contacts`.

    Raises `NotFound`.
    """
    row = session.execute(_BILLING_CONTACT, {"org_id": org_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such organisation.")
    return row


def find_org_choice(session: Session, user_id: UUID | None, org_id: UUID) -> OrgChoice | None:
    """Find an org that the user is a member of; None if they are not."""
    choices = list_org_choices(session, user_id) if user_id is not None else []
    return next((choice for choice in choices if choice.id == org_id), None)


def get_membership(session: Session, org_id: UUID, user_id: UUID) -> Membership:
    """Get a membership; `NotFound` if the user is not a member of the org."""
    row = session.get(Membership, (org_id, user_id))
    if row is None:
        raise NotFound("There is no such member.")
    return row


def list_members(session: Session, org_id: UUID) -> list[Member]:
    """List the members of an org by name."""
    rows = session.execute(
        select(User.id, User.name, User.email, Membership.role, Membership.external_id, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id)
        .order_by(func.lower(User.name), User.id)
    )
    return [Member(*row) for row in rows]


def list_active_members(session: Session, org_id: UUID, roles: Collection[str]) -> list[User]:
    """List members with one of these roles who are neither disabled nor deleted: owners first, then by name."""
    return ask(session, select_active_members(org_id, roles))


def select_active_members(org_id: UUID, roles: Collection[str]) -> Select[User]:
    """Select what `list_active_members` lists."""
    query = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, Membership.role.in_(roles))
        .where(User.disabled_at.is_(None), User.deleted_at.is_(None))
    )
    return query.order_by(Membership.role != OWNER, func.lower(User.name))


def list_members_with_role(session: Session, org_id: UUID, roles: Collection[str]) -> list[Member]:
    """List the members of an org that have one of these roles."""
    return [member for member in list_members(session, org_id) if member.role in roles]


def list_open_invitations(session: Session, org_id: UUID) -> Sequence[Invitation]:
    """List invitations that are neither accepted nor revoked, newest first; includes expired ones."""
    query = select(Invitation).where(
        Invitation.org_id == org_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    )
    return session.scalars(query.order_by(Invitation.created_at.desc())).all()


def get_invitation(session: Session, org_id: UUID, invitation_id: UUID) -> Invitation:
    """Get an invitation of the org; `NotFound` otherwise."""
    row = session.get(Invitation, invitation_id)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no such invitation.")
    return row


def find_invitation_by_token(session: Session, token: str) -> Invitation | None:
    """Find the invitation of an emailed link, whatever its state."""
    return session.scalars(select(Invitation).where(Invitation.token_hash == digest_token(token))).one_or_none()


def list_devices(session: Session, user_id: UUID) -> Sequence[DeviceSession]:
    """List the devices on which a user is signed in, last seen first."""
    query = select(DeviceSession).where(DeviceSession.user_id == user_id)
    return session.scalars(query.order_by(DeviceSession.last_seen_at.desc(), DeviceSession.id)).all()


def has_signed_in(session: Session, user_id: UUID) -> bool:
    """Whether the user has ever signed in."""
    entry = select(SignInEntry.id).where(SignInEntry.user_id == user_id, SignInEntry.outcome == "signed_in").limit(1)
    return session.execute(entry).first() is not None


def list_keys(session: Session, org_id: UUID) -> list[KeyRow]:
    """List the keys of an org, newest first, revoked ones last."""
    rows = session.execute(
        select(ApiKey, User.name)
        .outerjoin(User, User.id == ApiKey.created_by)
        .where(ApiKey.org_id == org_id)
        .order_by(ApiKey.revoked_at.is_not(None), ApiKey.created_at.desc(), ApiKey.id.desc())
    )
    return [KeyRow(key, name) for key, name in rows]


def list_open_keys_of(session: Session, org_id: UUID, user_id: UUID, now: datetime) -> Sequence[ApiKey]:
    """List the keys of an org that a member created and that still work, oldest first."""
    own = (ApiKey.org_id == org_id, ApiKey.created_by == user_id, ApiKey.revoked_at.is_(None))
    rows = session.scalars(select(ApiKey).where(*own).order_by(ApiKey.created_at, ApiKey.id))
    return [row for row in rows if row.is_open(now)]


def get_key(session: Session, org_id: UUID, key_id: UUID) -> ApiKey:
    """Get a key of the org; `NotFound` otherwise."""
    row = session.get(ApiKey, key_id)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no such key.")
    return row


def list_clients(session: Session, org_id: UUID, search: str = "", limit: int = 200) -> Sequence[Client]:
    """List clients of an org by name, without deleted ones; `search` matches names and references."""
    query = select(Client).where(Client.org_id == org_id, Client.deleted_at.is_(None))
    if search:
        query = query.where(
            Client.name.icontains(search, autoescape=True) | Client.ref.contains(search, autoescape=True)
        )
    return session.scalars(query.order_by(func.lower(Client.name), Client.ref).limit(limit)).all()


def get_client(session: Session, org_id: UUID, client_id: UUID) -> Client:
    """Get a client of the org; `NotFound` if it is unknown or deleted."""
    row = session.get(Client, client_id)
    if row is None or row.org_id != org_id or row.deleted_at is not None:
        raise NotFound("There is no such client.")
    return row
