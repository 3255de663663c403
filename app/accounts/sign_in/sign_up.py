"""Sign-up and the confirmation of an e-mail address."""

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
    """Make a user with a personal org; None when the address has an account, also when two come at once.

    `now` is wall time, `opened_at` business time. A visitor who signs up is the actor of both.
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
    made = insert(User).values(values).on_conflict_do_nothing(index_elements=[User.email]).returning(User.id)
    user_id = session.execute(made).scalar_one_or_none()
    if user_id is None:
        return None
    who = replace(actor, kind="user", id=user_id) if actor.kind == "visitor" else actor
    create_org(session, name, owner_id=user_id, actor=who, now=now, opened_at=opened_at)
    after = {"staff": staff, "verified": verified}
    write(session, who, "user.created", on=("user", user_id), after=after, now=now)
    return session.get_one(User, user_id)


def sign_up(
    session: Session,
    email: str,
    name: str,
    password_hash: str,
    visit: RequestOrigin,
    *,
    actor: Actor,
    now: datetime,
    opened_at: datetime,
) -> UUID | None:
    """Make a user and mail the address for confirmation.

    When the address has an account, its owner is told by mail and None is returned: the page that the visitor
    sees must be the same.
    """
    user = create_user(session, email, name, password_hash, actor=actor, now=now, opened_at=opened_at)
    if user is None:
        _tell_owner(session, email, visit, now=now)
        return None
    token, row = email_tokens.make(session, user, "verify", now=now)
    emails.verify(session, user, token, row, now=now)
    log.note(session, "sign_up", visit, user_id=user.id, now=now)
    return user.id


def confirm_address(session: Session, token: str, *, actor: Actor, now: datetime) -> User | None:
    """Use up a mailed token: the address is confirmed, or the changed one takes effect.

    None when the link is no longer good; `Conflict` when another account took the new address meanwhile.
    """
    row = email_tokens.use(session, token, "verify", "change", now=now)
    user = session.get(User, row.user_id) if row else None
    if row is None or user is None or not user.open:
        return None
    who = replace(actor, kind="user", id=user.id)
    if row.purpose == "verify" and row.email == user.email:
        user.email_verified_at = user.email_verified_at or now
        session.flush()
        write(session, who, "user.verified", on=("user", user.id), now=now)
    elif row.purpose == "change":
        _take_address(session, user, row.email, key=str(row.id), actor=who, now=now)
    return user


def send_verification(session: Session, email: str, visit: RequestOrigin, *, now: datetime) -> None:
    """Mail the link again, at most three times in six hours; unknown and confirmed addresses get nothing."""
    if login_throttle.claim(session, login_throttle.mail_claims("verify", email, visit.address), now):
        return
    user = queries.user_by_email(session, email)
    if user is not None and user.open and user.email_verified_at is None:
        token, row = email_tokens.make(session, user, "verify", now=now)
        emails.verify(session, user, token, row, now=now)


def _take_address(session: Session, user: User, email: str, *, key: str, actor: Actor, now: datetime) -> None:
    before = user.email
    try:
        with session.begin_nested():
            user.email = email
            user.email_verified_at = now
    except IntegrityError as taken:
        raise Conflict("Another account has this address now. Nothing was changed.") from taken
    emails.account_changed(session, user, before, "The e-mail address of your account was changed.", key=key, now=now)
    personal = {"before": before, "after": email}
    write(session, actor, "user.email_changed", on=("user", user.id), personal=personal, now=now)


def _tell_owner(session: Session, email: str, visit: RequestOrigin, *, now: datetime) -> None:
    user = queries.user_by_email(session, email)
    if user is None or not user.open:
        return
    log.note(session, "sign_up_known", visit, user_id=user.id, now=now)
    if login_throttle.claim(session, login_throttle.mail_claims("known", email, visit.address), now) is None:
        emails.account_exists(session, user, email, key=str(new_id()), now=now)
