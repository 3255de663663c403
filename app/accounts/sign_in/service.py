"""Signs users in and out with a password.

A sign-in is three steps, each in its own transaction: count the attempt, check the password (40 ms, without a lock),
record the outcome. Only the log distinguishes an unknown user, a wrong password and a disabled user.
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
class SignInAttempt:
    """One submitted sign-in form. `device` is the id of a device that has signed in as `email` before."""

    email: str
    password: str
    device: str | None
    origin: RequestOrigin

    @property
    def claims(self) -> list[login_throttle.Claim]:
        """The buckets that this attempt counts against."""
        return login_throttle.sign_in_claims(self.email, self.origin.address, self.device)


@dataclass(frozen=True, slots=True)
class Verified:
    """The user with the address, if there is one, and the hash that the password matched: None if it matched none."""

    user_id: UUID | None
    password_hash: str | None


def count_sign_in(session: Session, attempt: SignInAttempt, *, now: datetime) -> datetime | None:
    """Count the attempt; return when to try again if there were too many. The first of them is in the log."""
    refusal = login_throttle.count_attempt(session, attempt.claims, now)
    if refusal is not None and refusal.is_first:
        user = queries.find_user_by_email(session, attempt.email)
        log.record(
            session, "throttled", attempt.origin, user_id=user.id if user else None, email=attempt.email, now=now
        )
    return refusal.until if refusal else None


def check_credentials(session: Session, attempt: SignInAttempt) -> Verified:
    """Check the password, without a lock. Takes as long for unknown users."""
    user = queries.find_user_by_email(session, attempt.email)
    stored = user.password_hash if user else None
    correct = passwords.verify_password(stored, attempt.password)
    return Verified(user.id if user else None, stored if correct else None)


def complete_sign_in(
    session: Session,
    attempt: SignInAttempt,
    verified: Verified,
    *,
    old_token: str | None,
    now: datetime,
) -> str | None:
    """Record the outcome; return the new session's token, or None if the sign-in is refused.

    The user is locked: a password that was changed since it was verified opens no session, and none is opened beside
    a change that is to end them all.
    """
    user_id = verified.user_id
    user = _lock_user(session, user_id) if user_id else None
    correct = user is not None and verified.password_hash is not None and verified.password_hash == user.password_hash
    if user is None or not correct or not user.is_active:
        outcome = "unknown_user" if user is None else "wrong_password" if not correct else "disabled"
        log.record(session, outcome, attempt.origin, user_id=user_id, email=attempt.email, now=now)
        return None
    if user.password_hash and passwords.needs_rehash(user.password_hash):
        user.password_hash = passwords.hash_password(attempt.password)
    login_throttle.refund_attempt(session, attempt.claims)
    return open_session(session, user, attempt.origin, known=attempt.device is not None, old_token=old_token, now=now)


def open_session(
    session: Session, user: User, origin: RequestOrigin, *, known: bool, old_token: str | None = None, now: datetime
) -> str:
    """Open a session for a user whose identity is proven; notify them by email if the device is not `known`.

    `old_token` is of the session that the browser had before, of whichever user; it ends.
    """
    sessions.end_token(session, old_token)
    choices = queries.list_org_choices(session, user.id)
    signed_in_before = queries.has_signed_in(session, user.id)
    token, session_id = sessions.open_session(session, user.id, choices[0].id if choices else None, origin, now=now)
    log.record(session, "signed_in", origin, user_id=user.id, session_id=session_id, now=now)
    if signed_in_before and not known:
        emails.queue_new_sign_in(session, user, origin, key=str(session_id), now=now)
    return token


def _lock_user(session: Session, user_id: UUID) -> User | None:
    return session.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)


def sign_out(session: Session, user_id: UUID, session_id: UUID, origin: RequestOrigin, *, now: datetime) -> None:
    """Sign this device out. Idempotent."""
    if sessions.end_session(session, user_id, session_id):
        log.record(session, "signed_out", origin, user_id=user_id, session_id=session_id, now=now)


def reauthenticate(
    session: Session, user_id: UUID, session_id: UUID, origin: RequestOrigin, *, correct: bool, now: datetime
) -> str | None:
    """After the password was entered again, return a new token for the session; None if it was wrong."""
    outcome = "reauthenticated" if correct else "reauthentication_failed"
    log.record(session, outcome, origin, user_id=user_id, session_id=session_id, now=now)
    if not correct or session.get(DeviceSession, session_id) is None:
        return None
    return sessions.renew_token(session, session_id, now=now)
