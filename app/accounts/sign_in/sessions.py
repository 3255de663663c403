"""Sessions: a row a device. Ending one deletes its row, and the cookie is worth nothing from then on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from app.accounts.auth_models import DeviceSession
from app.accounts.guards import IDLE
from app.accounts.identity import RequestOrigin
from app.accounts.sign_in.cookies import SESSION_LIFE
from app.accounts.sign_in.tokens import digest_token, new_token
from app.kit.ids import new_id


def open_session(
    session: Session, user_id: UUID, org_id: UUID | None, visit: RequestOrigin, *, now: datetime
) -> tuple[str, UUID]:
    """Sign a user in on a device; returns the cookie's token and the session's id."""
    token = new_token()
    row = DeviceSession(
        id=new_id(),
        user_id=user_id,
        org_id=org_id,
        token_hash=digest_token(token),
        address=visit.address,
        agent=visit.agent,
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_LIFE,
        authenticated_at=now,
    )
    session.add(row)
    session.flush()
    return token, row.id


def renew_token(session: Session, session_id: UUID, *, now: datetime) -> str:
    """Give the session a new token and mark it freshly authenticated; the old cookie ends."""
    row = session.get_one(DeviceSession, session_id)
    token = new_token()
    row.token_hash = digest_token(token)
    row.authenticated_at = now
    session.flush()
    return token


def end_session(session: Session, user_id: UUID, session_id: UUID) -> bool:
    """Sign one of the user's devices out; False when it is not theirs or is out already."""
    mine = delete(DeviceSession).where(DeviceSession.user_id == user_id, DeviceSession.id == session_id)
    return session.execute(mine.returning(DeviceSession.id)).first() is not None


def end_all(session: Session, user_id: UUID, *, but: UUID | None = None) -> None:
    """Sign the user's devices out, all or all but one."""
    gone = delete(DeviceSession).where(DeviceSession.user_id == user_id)
    session.execute(gone if but is None else gone.where(DeviceSession.id != but))


def end_in_org(session: Session, user_id: UUID, org_id: UUID) -> None:
    """Sign the user out where they work in this org; after a change of role they come back with the new one."""
    session.execute(delete(DeviceSession).where(DeviceSession.user_id == user_id, DeviceSession.org_id == org_id))


def end_token(session: Session, token: str | None) -> None:
    """End the session that a cookie named before a new sign-in, if any."""
    if token:
        session.execute(delete(DeviceSession).where(DeviceSession.token_hash == digest_token(token)))


def sweep(session: Session, now: datetime) -> None:
    """Delete the rows of sessions past their end."""
    past = or_(DeviceSession.expires_at <= now, DeviceSession.last_seen_at <= now - IDLE)
    session.execute(delete(DeviceSession).where(past))
