"""Secrets sent by mail: made, looked up without using them up, and used once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.auth_models import EmailToken
from app.accounts.models import User
from app.accounts.sign_in.tokens import digest_token, new_token
from app.kit.ids import new_id

LIFE = {"verify": timedelta(days=3), "reset": timedelta(hours=1), "change": timedelta(days=1)}


def make(
    session: Session, user: User, purpose: str, *, email: str | None = None, now: datetime
) -> tuple[str, EmailToken]:
    """Make a token for one purpose; older open ones of it end, but for `reset`, where a stranger could end them.

    Returns the secret and its row.
    """
    if purpose != "reset":
        void(session, user, purpose, now=now)
    token = new_token()
    row = EmailToken(
        id=new_id(),
        user_id=user.id,
        purpose=purpose,
        email=email or user.email,
        token_hash=digest_token(token),
        created_at=now,
        expires_at=now + LIFE[purpose],
    )
    session.add(row)
    session.flush()
    return token, row


def find(session: Session, token: str, *purposes: str, now: datetime) -> EmailToken | None:
    """The open token; None when it is unknown, used, expired or for something else."""
    found = select(EmailToken).where(
        EmailToken.token_hash == digest_token(token),
        EmailToken.purpose.in_(purposes),
        EmailToken.used_at.is_(None),
        EmailToken.expires_at > now,
    )
    return session.execute(found).scalar_one_or_none()


def use(session: Session, token: str, *purposes: str, now: datetime) -> EmailToken | None:
    """Use an open token up; of two at once only one gets it, the other None."""
    row = find(session, token, *purposes, now=now)
    if row is None:
        return None
    mine = update(EmailToken).where(EmailToken.id == row.id, EmailToken.used_at.is_(None)).values(used_at=now)
    return row if session.execute(mine.returning(EmailToken.id)).first() else None


def void(session: Session, user: User, *purposes: str, now: datetime) -> None:
    """End the user's open tokens of these purposes."""
    session.execute(
        update(EmailToken)
        .where(EmailToken.user_id == user.id, EmailToken.purpose.in_(purposes), EmailToken.used_at.is_(None))
        .values(used_at=now)
    )
