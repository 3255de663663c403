"""The mails of accounts: which template, to whom, with which facts. Each is keyed, so that it leaves once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey, EmailToken
from app.accounts.identity import RequestOrigin
from app.accounts.models import Invitation, Org, User
from app.mail.service import queue_email
from app.web.addresses import absolute_url


def verify(session: Session, user: User, token: str, row: EmailToken, *, now: datetime) -> None:
    """Confirm this address, for a new user or a change of address."""
    context = {"name": user.name, "link": absolute_url("accounts.verify", token=token), "expires_at": row.expires_at}
    queue_email(session, "verify_email", row.email, context=context, key=f"verify_email:{row.id}", now=now)


def account_exists(session: Session, user: User, email: str, *, key: str, now: datetime) -> None:
    """Somebody signed up with an address that has an account."""
    context = {
        "name": user.name,
        "link": absolute_url("accounts.sign_in"),
        "reset_link": absolute_url("accounts.reset"),
    }
    queue_email(session, "account_exists", email, context=context, key=f"account_exists:{key}", now=now)


def reset(session: Session, user: User, token: str, row: EmailToken, *, now: datetime) -> None:
    """Choose a new password."""
    context = {
        "name": user.name,
        "link": absolute_url("accounts.choose_password", token=token),
        "expires_at": row.expires_at,
    }
    queue_email(session, "reset_password", row.email, context=context, key=f"reset_password:{row.id}", now=now)


def invited(session: Session, row: Invitation, org: Org, by: User, token: str, *, now: datetime) -> None:
    """Come and join."""
    context = {
        "org_name": org.name,
        "invited_by": by.name,
        "role": row.role,
        "link": absolute_url("accounts.invitation", token=token),
        "expires_at": row.expires_at,
    }
    queue_email(session, "invitation", row.email, context=context, key=f"invitation:{row.id}", now=now)


def new_sign_in(session: Session, user: User, visit: RequestOrigin, *, key: str, now: datetime) -> None:
    """A device that was not seen before."""
    context = {
        "name": user.name,
        "at": now,
        "address": visit.address,
        "device": visit.agent,
        "link": absolute_url("accounts.sessions"),
    }
    queue_email(session, "new_sign_in", user.email, context=context, key=f"new_sign_in:{key}", now=now)


def account_changed(session: Session, user: User, to: str, what: str, *, key: str, now: datetime) -> None:
    """Tell the owner that the password or the address was changed; `what` is a short sentence."""
    context = {"name": user.name, "what": what, "at": now, "link": absolute_url("accounts.reset")}
    queue_email(session, "account_changed", to, context=context, key=f"account_changed:{key}", now=now)


def key_created(session: Session, user: User, key: ApiKey, org: Org, *, now: datetime) -> None:
    """A new API key, never its secret."""
    context = {
        "name": user.name,
        "key_name": key.name,
        "key": f"{key.prefix}…{key.last4}",
        "scopes": key.scopes,
        "org_name": org.name,
        "at": now,
        "link": absolute_url("accounts.keys"),
    }
    queue_email(session, "key_created", user.email, context=context, key=f"key_created:{key.id}", now=now)
