"""What tests arrange in a running installation without its pages: customers, and people who are signed in.

Signing up, making a key and signing in by the pages' forms are `test_journey`'s; the others begin after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from flask import current_app
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.api_keys.service import create_key
from app.accounts.auth_models import DeviceSession
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.roles import ORG_SCOPES
from app.accounts.sign_in.passwords import hash_password
from app.accounts.sign_in.service import open_session
from app.accounts.sign_in.sign_up import create_user
from app.accounts.tokens import digest_token
from app.factory import create_app
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.settings import parse_settings
from app.web.database import db, transaction
from app.web.runtime import business_now, runtime, wall_now
from tests.browser.people import PASSWORD
from tests.browser.stack import Stack

State = dict[str, Any]
"""The cookies of a browser, as Playwright keeps them."""


@dataclass(frozen=True)
class Customer:
    """Somebody with an org on the Free plan, an API key, and a browser that is signed in."""

    email: str
    org_id: str
    key: str
    state: State


def make_customers(stack: Stack, wanted: int) -> list[Customer]:
    """So many new customers."""
    with _inside(stack):
        return [_customer(f"buyer-{new_id().hex}@upgrade.example") for _ in range(wanted)]


def sign_in_demo(stack: Stack) -> dict[str, State]:
    """A new session for each demo account, by its name: the part of its address before the @."""
    emails = [str(each["email"]) for each in stack.demo["accounts"]]
    with _inside(stack), transaction() as session:
        found = {email: queries.find_user_by_email(session, email) for email in emails}
        return {email.partition("@")[0]: _signed_in(session, user) for email, user in found.items() if user}


@contextmanager
def _inside(stack: Stack) -> Iterator[None]:
    app = create_app(parse_settings(stack.environment()))
    try:
        with app.app_context():
            yield
            db.engine.dispose()
    finally:
        app.extensions["tollkeeper"].pool.close()


def _customer(email: str) -> Customer:
    with transaction() as session:
        user = create_user(session, email, "Paula Buyer", _hashed(), verified=True, actor=SYSTEM, now=wall_now(),
                           opened_at=business_now())  # fmt: skip
        assert user
        org = queries.list_org_choices(session, user.id)[0].id
        key = create_key(session, org, "First", ORG_SCOPES.keys(), pepper=runtime().settings.key_pepper, actor=SYSTEM,
                         now=wall_now())  # fmt: skip
        return Customer(email, str(org), key.secret, _signed_in(session, user))


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


def _signed_in(session: Session, user: User) -> State:
    token = open_session(session, user, RequestOrigin("127.0.0.1", "Chromium"), known=True, now=wall_now())
    opened = session.scalars(select(DeviceSession).where(DeviceSession.token_hash == digest_token(token))).one()
    opened.authenticated_at = wall_now() + timedelta(days=1)  # a run takes longer than a password counts
    name = current_app.config["SESSION_COOKIE_NAME"]
    cookie = {"name": name, "value": _signed(token), "domain": "127.0.0.1", "path": "/", "expires": -1,
              "httpOnly": True, "secure": False, "sameSite": "Lax"}  # fmt: skip
    return {"cookies": [cookie], "origins": []}


def _signed(token: str) -> str:
    """The cookie as Flask writes it after `login_user`."""
    interface = current_app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(current_app)
    assert serializer
    return str(serializer.dumps({"_permanent": True, "_user_id": token, "_fresh": True}))
