"""The emails of accounts: template, recipient and content. Every email has a key, so that it is sent only once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey, EmailToken
from app.accounts.identity import RequestOrigin
from app.accounts.models import Invitation, Org, User
from app.mail.service import queue_email
from app.web.addresses import absolute_url


def queue_verification(session: Session, user: User, token: str, row: EmailToken, *, now: datetime) -> None:
    """Queue the link that confirms an address, for a new user or a change of address."""
    context = {"name": user.name, "link": absolute_url("accounts.verify", token=token), "expires_at": row.expires_at}
    queue_email(session, "verify_email", row.email, context=context, key=f"verify_email:{row.id}", now=now)


def queue_account_exists(session: Session, user: User, email: str, *, key: str, now: datetime) -> None:
    """Notify the owner of an address that somebody tried to use it for another account."""
    context = {
        "name": user.name,
        "link": absolute_url("accounts.sign_in"),
        "reset_link": absolute_url("accounts.reset"),
    }
    queue_email(session, "account_exists", email, context=context, key=f"account_exists:{key}", now=now)


def queue_reset_link(session: Session, user: User, token: str, row: EmailToken, *, now: datetime) -> None:
    """Queue the link to choose a new password."""
    context = {
        "name": user.name,
        "link": absolute_url("accounts.choose_password", token=token),
        "expires_at": row.expires_at,
    }
    queue_email(session, "reset_password", row.email, context=context, key=f"reset_password:{row.id}", now=now)


def queue_invitation(session: Session, row: Invitation, org: Org, inviter: User, token: str, *, now: datetime) -> None:
    """Queue an invitation to join an organisation."""
    context = {
        "org_name": org.name,
        "invited_by": inviter.name,
        "role": row.role,
        "link": absolute_url("accounts.invitation", token=token),
        "expires_at": row.expires_at,
    }
    queue_email(
        session, "invitation", row.email, context=context, key=f"invitation:{row.id}", now=now, about=row.org_id
    )


def queue_new_sign_in(session: Session, user: User, origin: RequestOrigin, *, key: str, now: datetime) -> None:
    """Report a sign-in on a new device."""
    context = {
        "name": user.name,
        "at": now,
        "address": origin.address,
        "device": origin.agent,
        "link": absolute_url("accounts.sessions"),
    }
    queue_email(session, "new_sign_in", user.email, context=context, key=f"new_sign_in:{key}", now=now)


def queue_account_changed(session: Session, user: User, to: str, what: str, *, key: str, now: datetime) -> None:
    """Report a change of password or address to `to`; `what` is a short sentence."""
    context = {"name": user.name, "what": what, "at": now, "link": absolute_url("accounts.reset")}
    queue_email(session, "account_changed", to, context=context, key=f"account_changed:{key}", now=now)


def queue_key_created(session: Session, user: User, key: ApiKey, org: Org, *, now: datetime) -> None:
    """Report a new API key, without its secret."""
    context = {
        "name": user.name,
        "key_name": key.name,
        "key": f"{key.prefix}…{key.last4}",
        "scopes": key.scopes,
        "org_name": org.name,
        "at": now,
        "link": absolute_url("accounts.keys"),
    }
    queue_email(session, "key_created", user.email, context=context, key=f"key_created:{key.id}", now=now, about=org.id)
