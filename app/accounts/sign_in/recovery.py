"""A forgotten password: a mailed link, good for an hour and once, and a new password."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import email_tokens, log, login_throttle, sessions
from app.audit.service import write
from app.kit.actor import Actor


def ask_reset(session: Session, email: str, visit: RequestOrigin, *, now: datetime) -> None:
    """Mail a link, at most five a day; an unknown address gets nothing, and nothing tells so."""
    if login_throttle.claim(session, login_throttle.mail_claims("reset", email, visit.address), now):
        return
    user = queries.user_by_email(session, email)
    log.note(session, "reset_asked", visit, user_id=user.id if user else None, email=email, now=now)
    if user is not None and user.open:
        token, row = email_tokens.make(session, user, "reset", now=now)
        emails.reset(session, user, token, row, now=now)


def reset_password(
    session: Session, token: str, password_hash: str, visit: RequestOrigin, *, actor: Actor, now: datetime
) -> User | None:
    """Set the password by a mailed link; every session ends. None when the link is no longer good.

    Who reads the mailbox owns the address, so it is confirmed too.
    """
    row = email_tokens.use(session, token, "reset", now=now)
    user = session.get(User, row.user_id) if row else None
    if user is None or row is None or not user.open or user.email != row.email:
        return None
    user.password_hash = password_hash
    user.email_verified_at = user.email_verified_at or now
    email_tokens.void(session, user, "reset", "change", now=now)
    sessions.end_all(session, user.id)
    log.note(session, "reset_done", visit, user_id=user.id, now=now)
    emails.account_changed(session, user, user.email, "Your password was changed.", key=str(row.id), now=now)
    who = replace(actor, kind="user", id=user.id)
    write(session, who, "user.password_reset", on=("user", user.id), now=now)
    return user
