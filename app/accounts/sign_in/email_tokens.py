"""Secrets sent by email: create one, find it without using it up, use it once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.auth_models import EmailToken
from app.accounts.models import User
from app.accounts.tokens import digest_token, new_token
from app.kit.ids import new_id

LIFETIME = {"verify": timedelta(days=3), "reset": timedelta(hours=1), "change": timedelta(days=1)}


def create(
    session: Session, user: User, purpose: str, *, email: str | None = None, now: datetime
) -> tuple[str, EmailToken]:
    """Create a token; returns the secret and its row.

    It revokes older ones only for `change`, which the signed-in user asks for: strangers could revoke the others.
    """
    if purpose == "change":
        revoke(session, user, purpose, now=now)
    token = new_token()
    row = EmailToken(
        id=new_id(),
        user_id=user.id,
        purpose=purpose,
        email=email or user.email,
        token_hash=digest_token(token),
        created_at=now,
        expires_at=now + LIFETIME[purpose],
    )
    session.add(row)
    session.flush()
    return token, row


def find(session: Session, token: str, *purposes: str, now: datetime) -> EmailToken | None:
    """Find an open token; None if it is unknown, used, expired or for another purpose."""
    query = select(EmailToken).where(
        EmailToken.token_hash == digest_token(token),
        EmailToken.purpose.in_(purposes),
        EmailToken.used_at.is_(None),
        EmailToken.expires_at > now,
    )
    return session.execute(query).scalar_one_or_none()


def has_open(session: Session, user: User, purpose: str, *, now: datetime) -> bool:
    """Whether the user has been sent a token for this purpose that still works."""
    query = select(EmailToken.id).where(
        EmailToken.user_id == user.id,
        EmailToken.purpose == purpose,
        EmailToken.email == user.email,
        EmailToken.used_at.is_(None),
        EmailToken.expires_at > now,
    )
    return session.execute(query.limit(1)).first() is not None


def consume(session: Session, token: str, *purposes: str, now: datetime) -> EmailToken | None:
    """Use up an open token. Of two concurrent calls one gets the token, the other None."""
    row = find(session, token, *purposes, now=now)
    if row is None:
        return None
    claim = update(EmailToken).where(EmailToken.id == row.id, EmailToken.used_at.is_(None)).values(used_at=now)
    return row if session.execute(claim.returning(EmailToken.id)).first() else None


def revoke(session: Session, user: User, *purposes: str, now: datetime) -> None:
    """Revoke the user's open tokens for these purposes."""
    session.execute(
        update(EmailToken)
        .where(EmailToken.user_id == user.id, EmailToken.purpose.in_(purposes), EmailToken.used_at.is_(None))
        .values(used_at=now)
    )
