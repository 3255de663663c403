"""Confirmation of email addresses with an emailed link: of a new account, and of a change of address.

Anyone can enter somebody else's address and wait for them to confirm it. So a link alone never makes a password count
that its reader does not know.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import email_tokens, mail_limits, sessions
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict


def confirm_sign_up(
    session: Session, token: str, password_hash: str | None, *, actor: Actor, now: datetime
) -> User | None:
    """Use up a link and confirm the address of a new account. None if the link is no longer valid.

    `password_hash` replaces the password, and ends what was begun with the one before. It is None only in a browser
    that chose the password or has signed in with it.
    """
    row = email_tokens.consume(session, token, "verify", now=now)
    user = session.get(User, row.user_id) if row else None
    if row is None or user is None or not user.is_active or row.email != user.email:
        return None
    user.email_verified_at = user.email_verified_at or now
    email_tokens.revoke(session, user, "verify", now=now)
    user_actor = replace(actor, kind="user", id=user.id)
    if password_hash is not None:
        user.password_hash = password_hash
        email_tokens.revoke(session, user, "reset", "change", now=now)
        sessions.end_all(session, user.id)
        write(session, user_actor, "user.password_reset", on=("user", user.id), now=now)
    session.flush()
    write(session, user_actor, "user.verified", on=("user", user.id), now=now)
    return user


def confirm_change(session: Session, token: str, user_id: UUID, *, actor: Actor, now: datetime) -> User | None:
    """Use up a link and apply the change of address that the signed-in user asked for.

    None if the link is no longer valid or another user's; `Conflict` if another account has taken the new address
    meanwhile.
    """
    found = email_tokens.find(session, token, "change", now=now)
    if found is None or found.user_id != user_id:
        return None
    row = email_tokens.consume(session, token, "change", now=now)
    user = session.get(User, user_id)
    if row is None or user is None or not user.is_active:
        return None
    before = user.email
    try:
        with session.begin_nested():
            user.email = row.email
            user.email_verified_at = now
    except IntegrityError as error:
        raise Conflict("Another account now has this address. Nothing was changed.") from error
    email_tokens.revoke(session, user, "verify", "reset", now=now)
    what = "The email address of your account was changed."
    emails.queue_account_changed(session, user, before, what, key=str(row.id), now=now)
    personal = {"before": before, "after": user.email}
    write(session, actor, "user.email_changed", on=("user", user.id), personal=personal, now=now)
    return user


def send_verification(
    session: Session, email: str, origin: RequestOrigin, *, signed_in: UUID | None, now: datetime
) -> None:
    """Send the link again, if the address is of an account that has not confirmed it.

    `signed_in` is the user of the browser that asks; they have a budget that strangers cannot use up.
    """
    user = queries.find_user_by_email(session, email)
    if user is None or not user.is_active or user.email_verified_at is not None:
        return
    own = f"self:{user.id}" if user.id == signed_in else None
    if mail_limits.may_send_link(session, "verify", user, origin.address, own=own, now=now):
        token, row = email_tokens.create(session, user, "verify", now=now)
        emails.queue_verification(session, user, token, row, now=now)
