"""A forgotten password: the link, what it ends, and what an attacker learns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.sign_in import passwords
from tests.accounts.conftest import audited, letters, new_browser
from tests.factories import PASSWORD, make_user, signed_in, unique
from tests.pages import send
from tests.today import FixedClock

Find = Callable[[str, str], str]
NEW = "eleven yellow submarines"


@pytest.fixture
def user(session: Session) -> User:
    return make_user(session, password=PASSWORD)


def ask(client: FlaskClient, email: str) -> None:
    assert send(client, "/reset", page="/reset", email=email).location == "/reset/sent"


def test_a_reset_sets_the_password_and_ends_every_session(
    app: Flask, browser: FlaskClient, session: Session, user: User, link_in_mail: Find
) -> None:
    elsewhere = signed_in(app, session, user)
    ask(browser, user.email)
    link = link_in_mail("reset_password", user.email)
    assert send(browser, link, page=link, password=NEW).location == "/sign-in"
    assert elsewhere.get("/settings").status_code == 303
    session.refresh(user)
    assert passwords.verify_password(user.password_hash, NEW)
    assert send(browser, "/sign-in", email=user.email, password=NEW).status_code == 303
    assert audited(session, "user.password_reset", user.id) == 1
    assert letters(session, "account_changed", user.email) == 1


def test_a_link_works_once_and_for_an_hour(
    browser: FlaskClient, user: User, wall: FixedClock, link_in_mail: Find
) -> None:
    ask(browser, user.email)
    link = link_in_mail("reset_password", user.email)
    assert send(browser, link, page=link, password="short").status_code == 422
    send(browser, link, page=link, password=NEW)
    assert browser.get(link).status_code == 410
    assert send(browser, link, password=NEW).status_code == 410
    ask(browser, user.email)
    second = link_in_mail("reset_password", user.email)
    wall.advance(timedelta(hours=1))
    assert browser.get(second).status_code == 410


def test_using_one_link_ends_the_others(browser: FlaskClient, user: User, link_in_mail: Find) -> None:
    ask(browser, user.email)
    first = link_in_mail("reset_password", user.email)
    ask(browser, user.email)
    second = link_in_mail("reset_password", user.email)
    assert browser.get(first).status_code == 200
    send(browser, second, page=second, password=NEW)
    assert browser.get(first).status_code == 410


def test_the_answer_is_the_same_for_every_address_and_five_links_go_a_day(
    browser: FlaskClient, session: Session, user: User, wall: FixedClock
) -> None:
    stranger = f"{unique()}@example.com"
    for email in (user.email, stranger):
        for _ in range(7):
            ask(browser, email)
    assert letters(session, "reset_password", user.email) == 5
    assert letters(session, "reset_password", stranger) == 0
    wall.advance(timedelta(days=1))
    for _ in range(2):
        ask(browser, user.email)
    assert letters(session, "reset_password", user.email) == 7


def test_a_reset_confirms_the_address(browser: FlaskClient, session: Session, link_in_mail: Find) -> None:
    user = make_user(session, verified=False)
    ask(browser, user.email)
    link = link_in_mail("reset_password", user.email)
    send(browser, link, page=link, password=NEW)
    session.refresh(user)
    assert user.email_verified_at is not None


def test_who_is_locked_out_by_strangers_comes_in_by_mail(
    app: Flask, browser: FlaskClient, user: User, link_in_mail: Find
) -> None:
    for _ in range(11):
        send(new_browser(app), "/sign-in", email=user.email, password="a wrong guess")
    assert send(browser, "/sign-in", email=user.email, password=PASSWORD).status_code == 429
    ask(browser, user.email)
    link = link_in_mail("reset_password", user.email)
    send(browser, link, page=link, password=NEW)
    assert send(browser, "/sign-in", email=user.email, password=NEW).status_code == 303


def test_a_disabled_user_is_sent_nothing(browser: FlaskClient, session: Session, user: User) -> None:
    user.disabled_at = user.created_at
    session.commit()
    ask(browser, user.email)
    assert letters(session, "reset_password", user.email) == 0


@pytest.mark.parametrize("link", ["/reset/x", "/verify/x", "/invitations/x", "/reset/" + "A" * 43, "/verify/%00"])
def test_made_up_links_are_gone(browser: FlaskClient, link: str) -> None:
    assert browser.get(link).status_code == 410
