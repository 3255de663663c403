"""Signing in and out with a password.

Three steps, each its own transaction of the door: count the attempt, look at the password (40 ms, no lock held),
write what came of it. Unknown user, wrong password and disabled user are told apart in the log only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.auth_models import DeviceSession
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import log, login_throttle, passwords, sessions


@dataclass(frozen=True)
class Try:
    """One press of the sign-in button. `device` is the id of a device that has signed in as `email` before."""

    email: str
    password: str
    device: str | None
    visit: RequestOrigin

    @property
    def claims(self) -> list[login_throttle.Claim]:
        """The buckets that it counts against."""
        return login_throttle.sign_in_claims(self.email, self.visit.address, self.device)


def admit(session: Session, this: Try, *, now: datetime) -> datetime | None:
    """Count the attempt; the instant to wait for when there were too many."""
    wait = login_throttle.claim(session, this.claims, now)
    if wait is not None:
        user = queries.user_by_email(session, this.email)
        log.note(session, "throttled", this.visit, user_id=user.id if user else None, email=this.email, now=now)
    return wait


def judge(session: Session, this: Try) -> tuple[UUID | None, bool]:
    """Who has this address, and whether the password is theirs; takes as long for nobody's."""
    user = queries.user_by_email(session, this.email)
    right = passwords.verify_password(user.password_hash if user else None, this.password)
    return (user.id if user else None), right


def settle(
    session: Session, this: Try, user_id: UUID | None, *, right: bool, old_token: str | None, now: datetime
) -> str | None:
    """Write the outcome; returns the new session's token, or None when the sign-in is refused."""
    user = session.get(User, user_id) if user_id else None
    if user is None or not right or not user.open:
        outcome = "unknown_user" if user is None else "wrong_password" if not right else "disabled"
        log.note(session, outcome, this.visit, user_id=user_id, email=this.email, now=now)
        return None
    if user.password_hash and passwords.needs_rehash(user.password_hash):
        user.password_hash = passwords.hash_password(this.password)
    login_throttle.forgive(session, this.claims)
    sessions.end_token(session, old_token)
    return enter(session, user, this.visit, known=this.device is not None, now=now)


def enter(session: Session, user: User, visit: RequestOrigin, *, known: bool, now: datetime) -> str:
    """Open a session for a user whose identity is proven; a device not `known` is told to them by mail."""
    choices = queries.org_choices(session, user.id)
    seen_before = queries.has_signed_in(session, user.id)
    token, session_id = sessions.open_session(session, user.id, choices[0].id if choices else None, visit, now=now)
    log.note(session, "signed_in", visit, user_id=user.id, session_id=session_id, now=now)
    if seen_before and not known:
        emails.new_sign_in(session, user, visit, key=str(session_id), now=now)
    return token


def leave(session: Session, user_id: UUID, session_id: UUID, visit: RequestOrigin, *, now: datetime) -> None:
    """Sign this device out; a second press changes nothing."""
    if sessions.end_session(session, user_id, session_id):
        log.note(session, "signed_out", visit, user_id=user_id, session_id=session_id, now=now)


def renew(
    session: Session, user_id: UUID, session_id: UUID, visit: RequestOrigin, *, right: bool, now: datetime
) -> str | None:
    """After the password was asked for again: a new token for the session, marked fresh; None when it was wrong."""
    outcome = "reauthenticated" if right else "reauthentication_failed"
    log.note(session, outcome, visit, user_id=user_id, session_id=session_id, now=now)
    if not right or session.get(DeviceSession, session_id) is None:
        return None
    return sessions.renew_token(session, session_id, now=now)
