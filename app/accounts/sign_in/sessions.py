"""Sessions: one row per device. Deleting the row ends the session and makes its cookie worthless."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from app.accounts.auth_models import DeviceSession
from app.accounts.identity import RequestOrigin
from app.accounts.tokens import digest_token, new_token
from app.kit.ids import new_id

SESSION_LIFETIME = timedelta(days=14)
IDLE = timedelta(hours=12)


def open_session(
    session: Session, user_id: UUID, org_id: UUID | None, origin: RequestOrigin, *, now: datetime
) -> tuple[str, UUID]:
    """Create a session for a device; return the cookie's token and the session's id."""
    token = new_token()
    row = DeviceSession(
        id=new_id(),
        user_id=user_id,
        org_id=org_id,
        token_hash=digest_token(token),
        address=origin.address,
        agent=origin.agent,
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_LIFETIME,
        authenticated_at=now,
    )
    session.add(row)
    session.flush()
    return token, row.id


def renew_token(session: Session, session_id: UUID, *, now: datetime) -> str:
    """Give the session a new token, mark it freshly authenticated and invalidate the old cookie."""
    row = session.get_one(DeviceSession, session_id)
    token = new_token()
    row.token_hash = digest_token(token)
    row.authenticated_at = now
    session.flush()
    return token


def end_session(session: Session, user_id: UUID, session_id: UUID) -> bool:
    """Sign out one of the user's devices; False if it is not theirs or already signed out."""
    deletion = delete(DeviceSession).where(DeviceSession.user_id == user_id, DeviceSession.id == session_id)
    return session.execute(deletion.returning(DeviceSession.id)).first() is not None


def end_all(session: Session, user_id: UUID, *, except_session: UUID | None = None) -> None:
    """Sign out all of the user's devices, or all but one."""
    deletion = delete(DeviceSession).where(DeviceSession.user_id == user_id)
    session.execute(deletion if except_session is None else deletion.where(DeviceSession.id != except_session))


def end_token(session: Session, token: str | None) -> None:
    """End the session of the cookie sent with a new sign-in, if any."""
    if token:
        session.execute(delete(DeviceSession).where(DeviceSession.token_hash == digest_token(token)))


def sweep(session: Session, now: datetime) -> None:
    """Delete expired and idle sessions."""
    expired = or_(DeviceSession.expires_at <= now, DeviceSession.last_seen_at <= now - IDLE)
    session.execute(delete(DeviceSession).where(expired))
