"""Creates and revokes API keys. `create_key` returns the secret, which is stored nowhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.api_keys import key_format
from app.accounts.api_keys.key_form import KeyFormId
from app.accounts.auth_models import ApiKey
from app.accounts.models import User
from app.accounts.roles import ORG_SCOPES, STAFF_SCOPES
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, FieldError, InvalidRequest
from app.kit.ids import new_id


@dataclass(frozen=True)
class NewKey:
    """A new key: its row, and the secret to show once."""

    row: ApiKey
    secret: str


def create_key(
    session: Session,
    org_id: UUID | None,
    name: str,
    scopes: Collection[str],
    *,
    pepper: str,
    expires_at: datetime | None = None,
    created_by: UUID | None = None,
    form: KeyFormId | None = None,
    actor: Actor,
    now: datetime,
) -> NewKey:
    """Create a key of an org, or of staff if `org_id` is None.

    A `form` that is sent twice creates one key and answers both times with its secret. Raises `Conflict` if that key is
    somebody else's or was revoked meanwhile, `InvalidRequest` for a scope that such a key cannot have, `NotFound` for
    an unknown org.
    """
    wanted = _check_scopes(scopes, STAFF_SCOPES if org_id is None else ORG_SCOPES)
    if org_id is not None:
        queries.get_org(session, org_id)
    secret = _make_secret(form, org_id, created_by, pepper)
    made = session.get(ApiKey, form.key_id) if form else None
    if made is not None:
        _require_same(made, org_id, created_by)
        return NewKey(made, secret)
    row = ApiKey(
        id=form.key_id if form else new_id(),
        org_id=org_id,
        name=name,
        prefix=secret[: key_format.SHOWN],
        last4=secret[-4:],
        key_hash=key_format.hash_key(secret, pepper.encode()),
        scopes=wanted,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    _notify_creator(session, row, now=now)
    after = {"name": name, "scopes": wanted, "expires_at": expires_at.isoformat() if expires_at else None}
    write(session, actor, "key.created", on=("api_key", row.id), org_id=org_id, after=after, now=now)
    return NewKey(row, secret)


def revoke_key(session: Session, org_id: UUID, key_id: UUID, *, actor: Actor, now: datetime) -> ApiKey:
    """Revoke a key of the org; within a second every process rejects it. Idempotent."""
    row = queries.get_key(session, org_id, key_id)
    if row.revoked_at is None:
        row.revoked_at = now
        session.flush()
        write(session, actor, "key.revoked", on=("api_key", row.id), org_id=org_id, before={"name": row.name}, now=now)
    return row


def _make_secret(form: KeyFormId | None, org_id: UUID | None, created_by: UUID | None, pepper: str) -> str:
    if form is None:
        return key_format.new_key()
    return key_format.derive_key(pepper.encode(), str(org_id), str(created_by), str(form.key_id), form.nonce)


def _require_same(made: ApiKey, org_id: UUID | None, created_by: UUID | None) -> None:
    if (made.org_id, made.created_by) != (org_id, created_by) or made.revoked_at is not None:
        raise Conflict("This form has been used. Open it again to create another key.")


def _check_scopes(scopes: Collection[str], known: Collection[str]) -> list[str]:
    wanted = [scope for scope in known if scope in scopes]
    if not wanted or len(wanted) != len(set(scopes)):
        raise InvalidRequest("The scopes are not valid.", [FieldError("scopes", f"one or more of {', '.join(known)}")])
    return wanted


def _notify_creator(session: Session, row: ApiKey, *, now: datetime) -> None:
    creator = session.get(User, row.created_by) if row.created_by else None
    if creator is not None and row.org_id is not None:
        emails.queue_key_created(session, creator, row, queries.get_org(session, row.org_id), now=now)
