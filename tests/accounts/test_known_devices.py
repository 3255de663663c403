"""The device cookie: what it is worth, and that a new password ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import User
from tests.accounts.conftest import letters, new_browser
from tests.factories import PASSWORD, make_member, make_org, signed_in
from tests.pages import send

NEW = "eleven yellow submarines"
WRONG = "not the password of anybody"


@pytest.fixture
def user(session: Session) -> User:
    return make_member(session, make_org(session), password=PASSWORD)


def sign_in(client: FlaskClient, user: User, password: str) -> int:
    return send(client, "/sign-in", email=user.email, password=password).status_code


def known(app: Flask, user: User) -> FlaskClient:
    """A browser that has signed in as the user and out again."""
    device = new_browser(app)
    assert sign_in(device, user, PASSWORD) == 303
    send(device, "/sign-out")
    return device


def strangers_guess(app: Flask, user: User) -> None:
    for _ in range(11):
        sign_in(new_browser(app), user, WRONG)


def change(page: FlaskClient) -> None:
    assert send(page, "/settings/password", current_password=PASSWORD, new_password=NEW).status_code == 303


def test_a_new_password_ends_the_device_cookies_of_the_others(app: Flask, session: Session, user: User) -> None:
    thief, page = known(app, user), signed_in(app, session, user)
    change(page)
    strangers_guess(app, user)
    assert sign_in(thief, user, NEW) == 429  # as on any device that is not known


def test_the_device_on_which_the_password_was_changed_stays_known(app: Flask, session: Session, user: User) -> None:
    page = signed_in(app, session, user)
    change(page)
    send(page, "/sign-out")
    strangers_guess(app, user)
    assert sign_in(page, user, NEW) == 303
    assert letters(session, "new_sign_in", user.email) == 0


def test_a_reset_ends_them_too_but_for_the_device_that_made_it(
    app: Flask, session: Session, user: User, link_in_mail: Callable[[str, str], str]
) -> None:
    thief, own = known(app, user), new_browser(app)
    send(own, "/reset", page="/reset", email=user.email)
    link = link_in_mail("reset_password", user.email)
    send(own, link, page=link, password=NEW)
    strangers_guess(app, user)
    assert [sign_in(device, user, NEW) for device in (thief, own)] == [429, 303]


def test_a_hash_that_is_renewed_at_sign_in_leaves_this_device_known(app: Flask, session: Session, user: User) -> None:
    device = known(app, user)
    user.password_hash = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    session.commit()
    assert sign_in(device, user, PASSWORD) == 303
    send(device, "/sign-out")
    strangers_guess(app, user)
    assert sign_in(device, user, PASSWORD) == 303


def test_a_changed_address_leaves_the_device_known(app: Flask, session: Session, user: User) -> None:
    device = known(app, user)
    user.email = f"moved-{user.email}"
    session.commit()
    strangers_guess(app, user)
    assert sign_in(device, user, PASSWORD) == 303
