"""Each test of accounts comes from an address of its own, since the limits on guessing are counted by address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from random import Random

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.models import Org, User
from app.settings import Settings
from tests.factories import PASSWORD, make_member, make_org, signed_in

_numbers = count(Random().randrange(2**23))


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A browser at an address that no other test has."""
    return new_browser(app)


@pytest.fixture
def org(session: Session) -> Org:
    """An org without members."""
    return make_org(session)


@pytest.fixture
def owner(session: Session, org: Org) -> User:
    """Its owner, with a password."""
    return make_member(session, org, password=PASSWORD)


@pytest.fixture
def page(app: Flask, session: Session, owner: User, org: Org) -> FlaskClient:
    """The owner's browser, signed in just now."""
    return signed_in(app, session, owner, org)


@pytest.fixture
def link_in_mail(session: Session) -> Callable[[str, str], str]:
    """Finds the path of the link in the newest letter of a template to an address."""

    def find(template: str, to: str) -> str:
        session.rollback()
        newest = text(
            "SELECT substring(body_text FROM 'http://localhost(/[^[:space:]]+)') FROM mail_outbox"
            " WHERE template = :template AND to_address = :to ORDER BY id DESC LIMIT 1"
        )
        path: str = session.execute(newest, {"template": template, "to": to}).scalar_one()
        return path

    return find


def new_browser(app: Flask) -> FlaskClient:
    """A browser at a fresh address."""
    number = next(_numbers)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return client


def letters(session: Session, template: str, to: str) -> int:
    """How many letters of a template went to an address."""
    session.rollback()
    found = text("SELECT count(*) FROM mail_outbox WHERE to_address = :to AND template = :template")
    return int(session.execute(found, {"to": to, "template": template}).scalar_one())


def audited(session: Session, action: str, object_id: object) -> int:
    """How many audit entries tell of this act on this object."""
    session.rollback()
    found = text("SELECT count(*) FROM audit_entries WHERE action = :action AND object_id = :id")
    return int(session.execute(found, {"action": action, "id": str(object_id)}).scalar_one())


@pytest.fixture
def product_costs(app: Flask) -> Iterator[None]:
    """Passwords hashed as an installation does; tests hash cheaply."""
    held = app.extensions["tollkeeper"]
    costs = {name: getattr(Settings, name) for name in ("password_memory", "password_passes")}
    app.extensions["tollkeeper"] = replace(held, settings=replace(held.settings, **costs))
    yield
    app.extensions["tollkeeper"] = held
