"""Changes a user makes to their own account."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import emails, queries
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import email_tokens, mail_limits, sessions
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.ids import new_id


def change_name(session: Session, user_id: UUID, name: str, *, actor: Actor, now: datetime) -> None:
    """Change the display name."""
    user = queries.get_user(session, user_id)
    if user.name != name:
        personal = {"before": user.name, "after": name}
        user.name = name
        session.flush()
        write(session, actor, "user.renamed", on=("user", user_id), personal=personal, now=now)


def change_theme(session: Session, user_id: UUID, theme: str) -> None:
    """Set the theme: system, light or dark. A preference, so it is not audited."""
    queries.get_user(session, user_id).theme = theme
    session.flush()


def request_email_change(session: Session, user_id: UUID, email: str, origin: RequestOrigin, *, now: datetime) -> bool:
    """Email a link to the new address, where the user confirms the change, signed in. False after too many attempts.

    If the address has an account, the caller gets the same answer and the account's owner is notified.
    """
    user = queries.get_user(session, user_id)
    if not mail_limits.may_change_address(session, user, origin.address, now=now):
        return False
    holder = queries.find_user_by_email(session, email)
    if holder is None:
        token, row = email_tokens.create(session, user, "change", email=email, now=now)
        emails.queue_verification(session, user, token, row, now=now)
    elif holder.id != user.id and mail_limits.may_notify_owner(session, email, origin.address, now=now):
        emails.queue_account_exists(session, holder, email, key=str(new_id()), now=now)
    return True


def change_password(
    session: Session, user: User, password_hash: str, session_id: UUID, *, actor: Actor, now: datetime
) -> str:
    """Set a new password, sign the other devices out, and return a new token for this one."""
    user.password_hash = password_hash
    email_tokens.revoke(session, user, "reset", "change", now=now)
    sessions.end_all(session, user.id, except_session=session_id)
    token = sessions.renew_token(session, session_id, now=now)
    emails.queue_account_changed(session, user, user.email, "Your password was changed.", key=str(new_id()), now=now)
    write(session, actor, "user.password_changed", on=("user", user.id), now=now)
    return token
