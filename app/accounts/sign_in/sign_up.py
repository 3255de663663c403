"""Sign-up and confirmation of email addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.orgs.service import create_org
from app.accounts.sign_in import email_tokens, log, login_throttle
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_id


def create_user(
    session: Session,
    email: str,
    name: str,
    password_hash: str | None,
    *,
    verified: bool = False,
    staff: bool = False,
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
        "staff": staff,
        "created_at": now,
    }
    creation = insert(User).values(values).on_conflict_do_nothing(index_elements=[User.email]).returning(User.id)
    user_id = session.execute(creation).scalar_one_or_none()
    if user_id is None:
        return None
    user_actor = replace(actor, kind="user", id=user_id) if actor.kind == "visitor" else actor
    create_org(session, name, owner_id=user_id, actor=user_actor, now=now, opened_at=opened_at)
    after = {"staff": staff, "verified": verified}
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


def confirm_address(session: Session, token: str, *, actor: Actor, now: datetime) -> User | None:
    """Use up an emailed token: confirm the address, or apply the change of address.

    None if the link is no longer valid; `Conflict` if another account has taken the new address meanwhile.
    """
    row = email_tokens.consume(session, token, "verify", "change", now=now)
    user = session.get(User, row.user_id) if row else None
    if row is None or user is None or not user.is_active:
        return None
    user_actor = replace(actor, kind="user", id=user.id)
    if row.purpose == "verify" and row.email == user.email:
        user.email_verified_at = user.email_verified_at or now
        session.flush()
        write(session, user_actor, "user.verified", on=("user", user.id), now=now)
    elif row.purpose == "change":
        _change_address(session, user, row.email, key=str(row.id), actor=user_actor, now=now)
    return user


def send_verification(session: Session, email: str, origin: RequestOrigin, *, now: datetime) -> None:
    """Send the link again, at most three times in six hours; unknown and confirmed addresses get nothing."""
    if login_throttle.count_attempt(session, login_throttle.mail_claims("verify", email, origin.address), now):
        return
    user = queries.find_user_by_email(session, email)
    if user is not None and user.is_active and user.email_verified_at is None:
        token, row = email_tokens.create(session, user, "verify", now=now)
        emails.queue_verification(session, user, token, row, now=now)


def _change_address(session: Session, user: User, email: str, *, key: str, actor: Actor, now: datetime) -> None:
    before = user.email
    try:
        with session.begin_nested():
            user.email = email
            user.email_verified_at = now
    except IntegrityError as error:
        raise Conflict("Another account now has this address. Nothing was changed.") from error
    emails.queue_account_changed(
        session, user, before, "The email address of your account was changed.", key=key, now=now
    )
    personal = {"before": before, "after": email}
    write(session, actor, "user.email_changed", on=("user", user.id), personal=personal, now=now)


def _notify_owner(session: Session, email: str, origin: RequestOrigin, *, now: datetime) -> None:
    user = queries.find_user_by_email(session, email)
    if user is None or not user.is_active:
        return
    log.record(session, "sign_up_known", origin, user_id=user.id, now=now)
    if login_throttle.count_attempt(session, login_throttle.mail_claims("known", email, origin.address), now) is None:
        emails.queue_account_exists(session, user, email, key=str(new_id()), now=now)
