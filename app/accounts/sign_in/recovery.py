"""Password recovery: an emailed link, valid once and for an hour, and a new password."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import email_tokens, log, mail_limits, sessions
from app.audit.service import write
from app.kit.actor import Actor


def request_reset(session: Session, email: str, origin: RequestOrigin, *, device: str | None, now: datetime) -> None:
    """Email a link. An unknown address gets none, and the answer does not reveal it.

    `device` is the id of a device that has signed in as `email` before, which has a budget of its own.
    """
    user = queries.find_user_by_email(session, email)
    if user is None or not user.is_active:
        if mail_limits.count_unknown(session, "reset", origin.address, now=now):
            log.record(session, "reset_asked", origin, user_id=user.id if user else None, email=email, now=now)
        return
    own = f"device:{device}:{user.id}" if device else None
    if mail_limits.may_send_link(session, "reset", user, origin.address, own=own, now=now):
        log.record(session, "reset_asked", origin, user_id=user.id, now=now)
        token, row = email_tokens.create(session, user, "reset", now=now)
        emails.queue_reset_link(session, user, token, row, now=now)


def reset_password(
    session: Session, token: str, password_hash: str, origin: RequestOrigin, *, actor: Actor, now: datetime
) -> User | None:
    """Set the password with an emailed link and end every session. None if the link is no longer valid.

    Opening the link proves ownership of the address, so it is confirmed too.
    """
    row = email_tokens.consume(session, token, "reset", now=now)
    user = session.get(User, row.user_id) if row else None
    if user is None or row is None or not user.is_active or user.email != row.email:
        return None
    user.password_hash = password_hash
    user.email_verified_at = user.email_verified_at or now
    email_tokens.revoke(session, user, "reset", "change", "verify", now=now)
    sessions.end_all(session, user.id)
    log.record(session, "reset_done", origin, user_id=user.id, now=now)
    emails.queue_account_changed(session, user, user.email, "Your password was changed.", key=str(row.id), now=now)
    user_actor = replace(actor, kind="user", id=user.id)
    write(session, user_actor, "user.password_reset", on=("user", user.id), now=now)
    return user
