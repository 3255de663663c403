"""Flask-Login on session rows: its signals, its handlers, and what its cookie is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import (
    AnonymousUserMixin,
    current_user,
    fresh_login_required,
    user_logged_in,
    user_logged_out,
    user_login_confirmed,
    user_needs_refresh,
    user_unauthorized,
)
from flask_login.signals import user_accessed
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.accounts import guards
from app.accounts.auth_models import DeviceSession
from app.accounts.identity import FRESH
from app.accounts.models import Org, User
from app.factory.access import ACCESS
from app.kit.postgres.pool import HotPool
from tests.accounts.conftest import new_browser
from tests.factories import PASSWORD, bearer, make_key, make_member, make_org, make_user, signed_in, unique
from tests.house.test_access import routes
from tests.pages import csrf_token, send
from tests.today import FixedClock

Find = Callable[[str, str], str]


@contextmanager
def heard(app: Flask, signal: Any) -> Iterator[list[Any]]:
    """What a signal of Flask-Login tells meanwhile: the session's token, if it names a user."""
    told: list[Any] = []

    def note(_: Flask, user: Any = None) -> None:
        told.append(user and user.get_id())

    with signal.connected_to(note, sender=app):
        yield told


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("tk_session")
    assert found is not None
    return found.value


def copied(app: Flask, client: FlaskClient) -> FlaskClient:
    thief = app.test_client()
    thief.set_cookie("tk_session", cookie(client))
    return thief


def held(client: FlaskClient) -> dict[str, Any]:
    with client.session_transaction() as found:
        return dict(found)


def is_in(client: FlaskClient) -> bool:
    return client.get("/settings").status_code == 200


def rows(session: Session, user: User) -> int:
    session.rollback()
    return session.execute(select(func.count()).where(DeviceSession.user_id == user.id)).scalar_one()


def sign_in(client: FlaskClient, user: User) -> None:
    assert send(client, "/sign-in", email=user.email, password=PASSWORD).status_code == 303


# signing in and out


@pytest.mark.parametrize(
    ("member", "asked", "lands"),
    [(False, "", "/admin"), (True, "", "/admin"), (True, "/usage", "/usage"), (False, "/usage", "/admin"),
     (False, "/admin/orgs", "/admin/orgs")],
)  # fmt: skip
def test_staff_land_on_their_overview(app: Flask, session: Session, member: bool, asked: str, lands: str) -> None:
    if member:
        user = make_member(session, make_org(session), password=PASSWORD, staff=True)
    else:
        user = make_user(session, password=PASSWORD, staff=True)
        session.commit()
    page = new_browser(app)
    where = f"/sign-in?next={asked}"
    assert send(page, where, email=user.email, password=PASSWORD, next=asked).location == lands
    assert page.get(where).location == lands


def test_signing_in_and_out_go_through_flask_login(app: Flask, browser: FlaskClient, owner: User) -> None:
    with heard(app, user_logged_in) as came, heard(app, user_logged_out) as left:
        sign_in(browser, owner)
        token = held(browser)["_user_id"]
        assert (came, left) == ([token], [])
        send(browser, "/sign-out")
    assert (came, left) == ([token], [token])


def test_a_copied_cookie_is_a_visitors_after_sign_out(app: Flask, browser: FlaskClient, owner: User) -> None:
    sign_in(browser, owner)
    thief = copied(app, browser)
    assert is_in(thief)
    send(browser, "/sign-out")
    assert not is_in(thief)
    with heard(app, user_unauthorized) as refused:
        assert thief.get("/dashboard").location == "/sign-in?next=/dashboard"
    assert refused == [None]


def test_a_session_revoked_elsewhere_ends_at_the_next_request(app: Flask, session: Session, owner: User) -> None:
    mine, other = signed_in(app, session, owner), signed_in(app, session, owner)
    assert is_in(other)
    send(mine, "/settings/sessions/end-others")
    assert not is_in(other)


def test_the_cookie_names_the_session_and_never_the_user(page: FlaskClient, owner: User) -> None:
    assert page.get("/settings").status_code == 200
    assert str(owner.id) not in str(held(page))


def test_a_cookie_that_names_a_user_signs_nobody_in(app: Flask, owner: User) -> None:
    forged = app.test_client()
    with forged.session_transaction() as told:
        told["_user_id"], told["_fresh"] = str(owner.id), True
    assert not is_in(forged)


def test_joining_or_signing_in_as_another_ends_the_session_before(
    app: Flask, browser: FlaskClient, session: Session, owner: User, org: Org
) -> None:
    sign_in(browser, owner)
    sign_in(browser, make_member(session, org, "viewer", password=PASSWORD))
    assert rows(session, owner) == 0


def test_a_reset_signs_out_whoever_was_signed_in_here(
    app: Flask, session: Session, owner: User, page: FlaskClient, org: Org, link_in_mail: Find
) -> None:
    other = make_member(session, org, password=PASSWORD)
    send(page, "/reset", page="/reset", email=other.email)
    link = link_in_mail("reset_password", other.email)
    thief = copied(app, page)
    with heard(app, user_logged_out) as left:
        assert send(page, link, page=link, password="eleven yellow submarines").location == "/sign-in"
    assert len(left) == 1
    assert not is_in(thief)


def test_the_current_user_is_the_caller(app: Flask, session: Session, owner: User, page: FlaskClient) -> None:
    with app.test_request_context("/settings", headers={"Cookie": f"tk_session={cookie(page)}"}):
        assert current_user.is_authenticated
        assert current_user.caller is guards.caller()
        assert guards.caller().user_id == owner.id


def test_a_visitor_is_flask_logins_anonymous_user(app: Flask) -> None:
    with app.test_request_context("/settings"):
        assert isinstance(current_user._get_current_object(), AnonymousUserMixin)
        assert guards.caller().kind == "visitor"


# what programs and visitors leave behind


@pytest.mark.parametrize(
    "path", ["/api/v1/plans", "/api/v1/usage/current", "/webhooks/stripe", "/static/app.js", "/static/none.js"]
)
def test_programs_open_and_set_no_session(app: Flask, session: Session, page: FlaskClient, org: Org, path: str) -> None:
    key = bearer(make_key(session, org))
    with heard(app, user_accessed) as asked, statements_of_the_pool(app) as read:
        for _ in range(2):
            answer = page.open(path, method="POST" if "webhooks" in path else "GET", headers=key)
            assert "Set-Cookie" not in answer.headers
            assert "Cookie" not in answer.headers.get("Vary", "")
    assert not [statement for statement in read if "FROM sessions" in statement]
    assert asked == [] or "static" in path  # the page of a missing file asks who reads it, and reads no cookie


def test_visitors_leave_no_session_row(app: Flask, session: Session) -> None:
    session.rollback()
    before = session.execute(text("SELECT count(*) FROM sessions")).scalar_one()
    visitor = new_browser(app)
    for path in ("/", "/plans", "/sign-in", "/sign-up", "/docs"):
        visitor.get(path)
    send(visitor, "/sign-in", email=f"{unique()}@example.com", password="not the password of anybody")
    session.rollback()
    assert session.execute(text("SELECT count(*) FROM sessions")).scalar_one() == before
    assert "_user_id" not in held(visitor)


def test_a_page_reads_its_session_once(app: Flask, page: FlaskClient) -> None:
    page.get("/settings")
    for path in ("/dashboard", "/settings", "/settings/keys/new", "/plans"):
        with statements_of_the_pool(app) as read:
            assert page.get(path).status_code == 200
        assert len([statement for statement in read if "FROM sessions" in statement]) == 1


def test_a_page_read_again_sets_no_cookie(page: FlaskClient) -> None:
    page.get("/settings")
    assert "Set-Cookie" not in page.get("/settings").headers


# the password again


def test_a_stale_session_is_asked_for_the_password_through_flask_login(
    app: Flask, page: FlaskClient, wall: FixedClock
) -> None:
    assert page.get("/settings/keys/new").status_code == 200
    wall.advance(FRESH)
    with heard(app, user_needs_refresh) as asked:
        assert page.get("/settings/keys/new").location == "/confirm-password?next=/settings/keys/new"
    assert asked == [None]
    assert held(page)["_fresh"] is False
    before, thief = held(page)["_user_id"], copied(app, page)
    with heard(app, user_login_confirmed) as confirmed:
        answer = send(page, "/confirm-password", password=PASSWORD, next="/settings/keys/new")
    assert (answer.location, confirmed) == ("/settings/keys/new", [None])
    assert page.get("/settings/keys/new").status_code == 200
    assert held(page)["_fresh"] is True
    assert held(page)["_user_id"] != before
    assert not is_in(thief)


def test_what_the_cookie_says_about_the_password_is_what_the_row_says(
    app: Flask, page: FlaskClient, wall: FixedClock
) -> None:
    thief = copied(app, page)
    wall.advance(FRESH)
    with thief.session_transaction() as told:
        assert told["_fresh"] is True
    assert thief.get("/settings/keys/new").location == "/confirm-password?next=/settings/keys/new"
    with app.test_request_context("/settings", headers={"Cookie": f"tk_session={cookie(page)}"}):
        assert current_user.is_authenticated
        assert fresh_login_required(lambda: "in")() != "in"


def late(page: FlaskClient, wall: FixedClock, path: str, form: str, **fields: Any) -> str:
    """Send a form after the password has become stale, give the password, and return the page with the form."""
    token = csrf_token(page)
    wall.advance(FRESH + timedelta(seconds=1))
    answer = page.post(path, data={"csrf_token": token, **fields})
    assert answer.location == f"/confirm-password?next={form}"
    assert send(page, "/confirm-password", password=PASSWORD, next=form).location == form
    shown = page.get(form)
    assert shown.status_code == 200
    assert "Nothing has been sent yet" in shown.text
    assert "Nothing has been sent yet" not in page.get(form).text
    return shown.text


def test_an_invitation_sent_too_late_comes_back_filled_in(page: FlaskClient, wall: FixedClock) -> None:
    shown = late(page, wall, "/settings/members/invite", "/settings/members", email="guest@example.com", role="viewer")
    assert 'value="guest@example.com"' in shown
    assert '<option selected value="viewer">' in shown
    assert "Invited" not in shown


def test_a_key_sent_too_late_comes_back_filled_in_and_is_made_by_the_next_press(
    page: FlaskClient, wall: FixedClock
) -> None:
    fields = {"name": "Nightly", "scopes": ["usage:read"], "expires": "30", "once": "stale"}
    shown = late(page, wall, "/settings/keys", "/settings/keys/new", **fields)
    assert 'value="Nightly"' in shown
    assert '<option selected value="30">' in shown
    assert 'value="stale"' not in shown


def test_a_role_and_a_removal_sent_too_late_come_back_as_chosen(
    page: FlaskClient, session: Session, org: Org, wall: FixedClock
) -> None:
    member = make_member(session, org, "viewer")
    form = f"/settings/members/{member.id}"
    assert '<option selected value="admin">' in late(page, wall, f"{form}/role", form, role="admin")
    assert "Remove" in late(page, wall, f"{form}/remove", form, keys=[])


def test_a_form_too_long_for_a_cookie_is_not_kept(page: FlaskClient, wall: FixedClock) -> None:
    token = csrf_token(page)
    wall.advance(FRESH)
    page.post("/settings/members/invite", data={"csrf_token": token, "email": "x" * 3000, "role": "viewer"})
    assert "unsent" not in held(page)


def test_every_page_of_a_form_that_needs_the_password_can_be_opened(app: Flask) -> None:
    getting = {route.endpoint for route, method, _ in routes(app) if method == "GET"}
    pages = {rule.fresh_page for rule in ACCESS.values()} - {None}
    assert pages
    assert pages <= getting


@contextmanager
def statements_of_the_pool(app: Flask) -> Iterator[list[str]]:
    """What is asked on the hot pool meanwhile."""
    pool: HotPool = app.extensions["tollkeeper"].pool
    asked: list[str] = []
    original = pool.connection

    @contextmanager
    def noting() -> Iterator[Any]:
        with original() as connection:
            yield _Noting(connection, asked)

    pool.connection = noting  # type: ignore[method-assign]
    try:
        yield asked
    finally:
        del pool.connection  # type: ignore[attr-defined]


class _Noting:
    """A connection that notes what is executed."""

    def __init__(self, connection: Any, asked: list[str]) -> None:
        self._connection, self._asked = connection, asked

    def execute(self, statement: Any, *arguments: Any) -> Any:
        self._asked.append(str(statement))
        return self._connection.execute(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
