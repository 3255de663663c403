"""Verbs of a user on their own account."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import email_tokens, login_throttle, sessions
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.ids import new_id


def change_name(session: Session, user_id: UUID, name: str, *, actor: Actor, now: datetime) -> None:
    """Change the name that others see."""
    user = queries.user(session, user_id)
    if user.name != name:
        personal = {"before": user.name, "after": name}
        user.name = name
        session.flush()
        write(session, actor, "user.renamed", on=("user", user_id), personal=personal, now=now)


def change_theme(session: Session, user_id: UUID, theme: str) -> None:
    """Choose system, light or dark. A taste, not an act to audit."""
    queries.user(session, user_id).theme = theme
    session.flush()


def ask_email_change(session: Session, user_id: UUID, email: str, visit: RequestOrigin, *, now: datetime) -> bool:
    """Mail a link to the new address; the change takes effect when it is followed. False after too many tries.

    An address that has an account answers the same, and its owner is told.
    """
    user = queries.user(session, user_id)
    if login_throttle.claim(session, login_throttle.mail_claims("verify", user.email, visit.address), now):
        return False
    holder = queries.user_by_email(session, email)
    if holder is None:
        token, row = email_tokens.make(session, user, "change", email=email, now=now)
        emails.verify(session, user, token, row, now=now)
    elif holder.id != user.id:
        emails.account_exists(session, holder, email, key=str(new_id()), now=now)
    return True


def change_password(
    session: Session, user: User, password_hash: str, session_id: UUID, *, actor: Actor, now: datetime
) -> str:
    """Set a new password: the other devices are signed out, this one gets a new token, which is returned."""
    user.password_hash = password_hash
    email_tokens.void(session, user, "reset", "change", now=now)
    sessions.end_all(session, user.id, but=session_id)
    token = sessions.renew_token(session, session_id, now=now)
    emails.account_changed(session, user, user.email, "Your password was changed.", key=str(new_id()), now=now)
    write(session, actor, "user.password_changed", on=("user", user.id), now=now)
    return token
