"""Sign-up: a user with a personal organisation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.orgs.service import create_org
from app.accounts.sign_in import email_tokens, log, mail_limits
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.ids import new_id


def create_user(
    session: Session,
    email: str,
    name: str,
    password_hash: str | None,
    *,
    verified: bool = False,
    staff: bool = False,
    staff_owner: bool = False,
    actor: Actor,
    now: datetime,
    opened_at: datetime,
) -> User | None:
    """Create a user with a personal org; None if the address has an account, even if two requests race.

    `now` is wall time, `opened_at` business time. A visitor who signs up becomes the actor of both entries.
    """
    values = {
        "id": new_id(),
        "email": email,
        "name": name,
        "password_hash": password_hash,
        "email_verified_at": now if verified else None,
        "staff": staff or staff_owner,
        "staff_owner": staff_owner,
        "created_at": now,
    }
    creation = insert(User).values(values).on_conflict_do_nothing(index_elements=[User.email]).returning(User.id)
    user_id = session.execute(creation).scalar_one_or_none()
    if user_id is None:
        return None
    user_actor = replace(actor, kind="user", id=user_id) if actor.kind == "visitor" else actor
    create_org(session, name, owner_id=user_id, actor=user_actor, now=now, opened_at=opened_at)
    after = {"staff": staff or staff_owner, "staff_owner": staff_owner, "verified": verified}
    write(session, user_actor, "user.created", on=("user", user_id), after=after, now=now)
    return session.get_one(User, user_id)


def sign_up(
    session: Session,
    email: str,
    name: str,
    password_hash: str,
    origin: RequestOrigin,
    *,
    actor: Actor,
    now: datetime,
    opened_at: datetime,
) -> UUID | None:
    """Create a user and email a link to confirm the address.

    If the address has an account, its owner is notified by email and None is returned: the visitor must see the same
    page.
    """
    user = create_user(session, email, name, password_hash, actor=actor, now=now, opened_at=opened_at)
    if user is None:
        _notify_owner(session, email, origin, now=now)
        return None
    token, row = email_tokens.create(session, user, "verify", now=now)
    emails.queue_verification(session, user, token, row, now=now)
    log.record(session, "sign_up", origin, user_id=user.id, now=now)
    return user.id


def _notify_owner(session: Session, email: str, origin: RequestOrigin, *, now: datetime) -> None:
    user = queries.find_user_by_email(session, email)
    if user is None or not user.is_active:
        return
    if mail_limits.may_notify_owner(session, email, origin.address, now=now):
        log.record(session, "sign_up_known", origin, user_id=user.id, now=now)
        emails.queue_account_exists(session, user, email, key=str(new_id()), now=now)
