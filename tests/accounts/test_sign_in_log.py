"""The sign-in log holds what happened, and strangers cannot make it grow without bound."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.auth_models import Attempt, SignInEntry
from app.accounts.models import Org, User
from app.accounts.sign_in.login_throttle import FIVE_MINUTES
from app.audit import queries as audit
from tests.accounts.conftest import new_browser
from tests.accounts.test_sign_up import address, sign_up
from tests.factories import PASSWORD, unique
from tests.pages import send
from tests.today import FixedClock

WRONG = "not the password of anybody"


def entries(session: Session, user: User, outcome: str) -> int:
    session.rollback()
    found = select(func.count()).where(SignInEntry.user_id == user.id, SignInEntry.outcome == outcome)
    return session.execute(found).scalar_one()


def count(session: Session, table: str) -> int:
    session.rollback()
    return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def guess(client: FlaskClient, email: str, times: int) -> None:
    for _ in range(times):
        send(client, "/sign-in", email=email, password=WRONG)


def test_throttled_guesses_are_one_entry_a_window(app: Flask, session: Session, owner: User, wall: FixedClock) -> None:
    for _ in range(2):
        for _ in range(13):
            guess(new_browser(app), owner.email, 1)
        wall.advance(FIVE_MINUTES)
    assert entries(session, owner, "throttled") == 2
    assert entries(session, owner, "wrong_password") == 20


def test_a_network_above_its_limit_adds_no_rows_for_names_it_makes_up(browser: FlaskClient, session: Session) -> None:
    guess(browser, address(), 11)
    before = count(session, "sign_in_log"), count(session, "attempts")
    for _ in range(5):
        guess(browser, address(), 1)
    assert (count(session, "sign_in_log"), count(session, "attempts")) == before


def test_a_network_above_its_limit_uses_up_nothing_of_a_users(
    app: Flask, browser: FlaskClient, session: Session, owner: User
) -> None:
    guess(browser, address(), 11)
    guess(browser, owner.email, 11)
    assert send(new_browser(app), "/sign-in", email=owner.email, password=PASSWORD).status_code == 303


def test_wrong_passwords_of_somebody_signed_in_are_bounded_too(
    page: FlaskClient, session: Session, owner: User
) -> None:
    for _ in range(13):
        send(page, "/confirm-password", password=WRONG)
    assert entries(session, owner, "reauthentication_failed") == 10


def test_sign_ups_with_a_known_address_are_bounded_too(app: Flask, session: Session, owner: User) -> None:
    for _ in range(8):
        sign_up(new_browser(app), owner.email)
    assert entries(session, owner, "sign_up_known") == 5


def test_attempts_are_rows_of_marks_and_hold_nobodys_address(session: Session, browser: FlaskClient) -> None:
    email = f"{unique()}@example.com"
    guess(browser, email, 1)
    assert not session.scalars(select(Attempt).where(Attempt.bucket.contains(email))).all()


# who acted


def test_who_joins_while_another_is_signed_in_is_who_acted(
    page: FlaskClient, session: Session, org: Org, owner: User, link_in_mail: Callable[[str, str], str]
) -> None:
    email = address()
    send(page, "/settings/members/invite", email=email, role="viewer")
    link = link_in_mail("invitation", email)
    assert send(page, f"{link}/join", name="Joan", password="eleven yellow submarines").location == "/dashboard"
    joined = queries.find_user_by_email(session, email)
    assert joined
    assert who_acted(session, "user.created", joined) == [joined.id]
    assert [entry.act.actor_id for entry in audit.list_entries(session, org.id, action="member.joined")] == [joined.id]


def test_who_signs_up_while_another_is_signed_in_is_who_acted(page: FlaskClient, session: Session) -> None:
    email = address()
    sign_up(page, email)
    user = queries.find_user_by_email(session, email)
    assert user
    assert who_acted(session, "user.created", user) == [user.id]


def who_acted(session: Session, action: str, user: User) -> list[object]:
    session.rollback()
    return [entry.act.actor_id for entry in audit.list_entries(session, None, action=action, on=("user", user.id))]
