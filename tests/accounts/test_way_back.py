"""What strangers ask for in somebody's name: it never takes the owner's way back, and never lets a stranger in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.models import User
from app.accounts.sign_in import passwords
from tests.accounts.conftest import audited, letters, new_browser
from tests.accounts.test_sign_up import address, sign_up
from tests.factories import PASSWORD, make_member, make_org, make_user, signed_in
from tests.pages import send
from tests.today import FixedClock

Find = Callable[[str, str], str]
NEW = "eleven yellow submarines"


@pytest.fixture
def owner(session: Session) -> User:
    return make_member(session, make_org(session), password=PASSWORD)


def ask(client: FlaskClient, path: str, email: str) -> None:
    assert send(client, path, page=path, email=email).status_code == 303


def strangers_ask(app: Flask, path: str, email: str, times: int = 8) -> None:
    for _ in range(times):
        ask(new_browser(app), path, email)


# links that strangers ask for (S11)


def test_strangers_who_ask_for_links_do_not_keep_the_owner_from_one(
    app: Flask, browser: FlaskClient, session: Session, owner: User, wall: FixedClock, link_in_mail: Find
) -> None:
    strangers_ask(app, "/reset", owner.email)
    newest = link_in_mail("reset_password", owner.email)
    assert browser.get(newest).status_code == 200  # while nothing more is sent, a link in the inbox works
    wall.advance(timedelta(hours=1))
    assert browser.get(newest).status_code == 410
    ask(browser, "/reset", owner.email)
    link = link_in_mail("reset_password", owner.email)
    assert link != newest
    assert send(browser, link, page=link, password=NEW).location == "/sign-in"


def test_a_link_that_was_used_up_or_ended_is_followed_by_another(
    app: Flask, browser: FlaskClient, owner: User, link_in_mail: Find
) -> None:
    strangers_ask(app, "/reset", owner.email)
    for _ in range(3):
        link = link_in_mail("reset_password", owner.email)
        assert send(browser, link, page=link, password=NEW).location == "/sign-in"
        ask(new_browser(app), "/reset", owner.email)


@pytest.mark.slow
def test_strangers_cause_few_letters(app: Flask, session: Session, owner: User, wall: FixedClock) -> None:
    for _ in range(6):
        strangers_ask(app, "/reset", owner.email, times=6)
        wall.advance(timedelta(hours=1))
    assert letters(session, "reset_password", owner.email) <= 5 + 6


def test_a_known_device_has_links_of_its_own(app: Flask, browser: FlaskClient, session: Session, owner: User) -> None:
    send(browser, "/sign-in", email=owner.email, password=PASSWORD)
    send(browser, "/sign-out")
    strangers_ask(app, "/reset", owner.email)
    before = letters(session, "reset_password", owner.email)
    ask(browser, "/reset", owner.email)
    assert letters(session, "reset_password", owner.email) == before + 1


def test_strangers_of_the_owners_network_do_not_keep_them_from_a_link_either(
    browser: FlaskClient, session: Session, owner: User
) -> None:
    for _ in range(21):
        ask(browser, "/reset", make_user(session).email)
    ask(browser, "/reset", owner.email)
    assert letters(session, "reset_password", owner.email) == 1
    ask(browser, "/reset", owner.email)
    assert letters(session, "reset_password", owner.email) == 1  # of a network that asks for so many, no second one


def test_asking_for_an_address_before_it_has_an_account_takes_nothing_from_it(
    app: Flask, browser: FlaskClient, session: Session
) -> None:
    email = address()
    for path in ("/reset", "/verify/resend"):
        strangers_ask(app, path, email, times=6)
    sign_up(browser, email)
    ask(browser, "/verify/resend", email)
    ask(browser, "/reset", email)
    assert letters(session, "verify_email", email) == 2
    assert letters(session, "reset_password", email) == 1


def test_a_resend_leaves_the_links_before_it_until_one_is_used(
    app: Flask, browser: FlaskClient, link_in_mail: Find
) -> None:
    email = address()
    sign_up(browser, email)
    first = link_in_mail("verify_email", email)
    strangers_ask(app, "/verify/resend", email)
    last = link_in_mail("verify_email", email)
    assert send(browser, first, page=first).location == "/dashboard"
    assert browser.get(last).status_code == 410


def test_strangers_do_not_keep_an_account_from_changing_its_address(
    app: Flask, session: Session, link_in_mail: Find
) -> None:
    user = make_user(session, password=PASSWORD, verified=False)
    strangers_ask(app, "/verify/resend", user.email)
    page, new = signed_in(app, session, user), address()
    send(page, "/settings/email", new_email=new, password=PASSWORD)
    link = link_in_mail("verify_email", new)
    assert send(page, link, page=link).status_code == 303
    session.refresh(user)
    assert user.email == new


def test_the_signed_in_owner_has_resends_of_their_own(app: Flask, session: Session) -> None:
    user = make_user(session, password=PASSWORD, verified=False)
    strangers_ask(app, "/verify/resend", user.email)
    before = letters(session, "verify_email", user.email)
    ask(signed_in(app, session, user), "/verify/resend", user.email)
    assert letters(session, "verify_email", user.email) == before + 1


@pytest.mark.slow
def test_one_account_mails_few_addresses_and_throwaway_accounts_of_a_network_few(app: Flask, session: Session) -> None:
    taken = make_user(session).email
    for _ in range(10):
        page = signed_in(app, session, make_user(session, password=PASSWORD, verified=False))
        page.environ_base["REMOTE_ADDR"] = "203.0.113.77"
        for _ in range(4):
            send(page, "/settings/email", new_email=taken, password=PASSWORD)
    assert letters(session, "account_exists", taken) <= 5


# accounts that strangers open at somebody's address (S13)


def test_who_confirms_in_another_browser_chooses_the_password_anew(
    app: Flask, browser: FlaskClient, session: Session, link_in_mail: Find
) -> None:
    email = address()
    stranger = new_browser(app)
    sign_up(stranger, email)
    assert send(stranger, "/sign-in", email=email, password=PASSWORD).status_code == 303
    link = link_in_mail("verify_email", email)
    shown = browser.get(link).text
    assert "Choose a password" in shown
    assert send(browser, link, page=link).status_code == 422
    assert send(browser, link, page=link, password="password1").status_code == 422
    assert send(browser, link, page=link, password=NEW).location == "/dashboard"
    assert browser.get("/settings/org").status_code == 200
    assert stranger.get("/settings").status_code == 303
    assert send(stranger, "/sign-in", email=email, password=PASSWORD).status_code == 422
    user = queries.find_user_by_email(session, email)
    assert user
    assert user.email_verified_at
    assert passwords.verify_password(user.password_hash, NEW)
    assert audited(session, "user.verified", user.id) == audited(session, "user.password_reset", user.id) == 1


def test_a_change_of_address_begun_by_the_stranger_ends_with_it(
    app: Flask, browser: FlaskClient, session: Session, link_in_mail: Find
) -> None:
    email, strangers = address(), address()
    stranger = new_browser(app)
    sign_up(stranger, email)
    send(stranger, "/sign-in", email=email, password=PASSWORD)
    send(stranger, "/settings/email", new_email=strangers, password=PASSWORD)
    change = link_in_mail("verify_email", strangers)
    link = link_in_mail("verify_email", email)
    send(browser, link, page=link, password=NEW)
    assert stranger.get(change).status_code == 410


def test_who_knows_the_password_confirms_without_choosing_one(
    app: Flask, browser: FlaskClient, session: Session, link_in_mail: Find
) -> None:
    email = address()
    sign_up(browser, email)
    phone = new_browser(app)
    send(phone, "/sign-in", email=email, password=PASSWORD)
    link = link_in_mail("verify_email", email)
    assert "Yes, confirm" in phone.get(link).text
    assert send(phone, link, page=link).location == "/dashboard"
    assert send(new_browser(app), "/sign-in", email=email, password=PASSWORD).status_code == 303


def test_a_reset_ends_the_links_that_would_set_a_password(browser: FlaskClient, app: Flask, link_in_mail: Find) -> None:
    email = address()
    sign_up(new_browser(app), email)
    verify = link_in_mail("verify_email", email)
    ask(browser, "/reset", email)
    reset = link_in_mail("reset_password", email)
    send(browser, reset, page=reset, password=NEW)
    assert browser.get(verify).status_code == 410


def test_nobody_confirms_an_address_for_an_account_that_is_not_theirs(
    app: Flask, browser: FlaskClient, session: Session, link_in_mail: Find
) -> None:
    """A stranger enters somebody's address as their new one, and waits for them to confirm it."""
    stranger = make_user(session, password=PASSWORD)
    before, theirs = stranger.email, address()
    send(signed_in(app, session, stranger), "/settings/email", new_email=theirs, password=PASSWORD)
    link = link_in_mail("verify_email", theirs)
    assert browser.get(link).location == f"/sign-in?next={link}"
    assert send(browser, link).status_code == 303
    other = signed_in(app, session, make_user(session, password=PASSWORD))
    assert "signed in as" in other.get(link).text
    assert send(other, link).status_code == 403
    session.refresh(stranger)
    assert stranger.email == before
