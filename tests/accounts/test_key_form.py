"""A form for a new key: one key however often it is sent, good for ten minutes, nobody else's."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.api_keys.key_form import issue_form_id
from app.accounts.models import Org, User
from app.web.runtime import runtime, wall_now
from tests.accounts.conftest import audited, letters
from tests.factories import bearer, make_member, signed_in
from tests.pages import send
from tests.today import FixedClock

SECRET = re.compile(r"tk_live_[0-9A-Za-z]{46}")


def key_form() -> dict[str, str]:
    """The fields of a form for a key that was shown just now."""
    once = issue_form_id(runtime().settings.secret_key, wall_now())
    return {"once": once, "name": "Server", "scopes": "usage:read", "expires": "never"}


def test_both_presses_of_a_double_click_make_one_key_and_show_its_secret(
    app: Flask, page: FlaskClient, session: Session, org: Org, owner: User
) -> None:
    fields = key_form()
    pages = [page, *(signed_in(app, session, owner, org) for _ in range(3))]
    with ThreadPoolExecutor(4) as pool:
        told = [answer.text for answer in pool.map(lambda each: send(each, "/settings/keys", **fields), pages)]
    secrets = {found for text in told for found in SECRET.findall(text)}
    assert len(secrets) == 1
    assert all(SECRET.search(text) for text in told)
    session.rollback()
    [listed] = queries.list_keys(session, org.id)
    assert audited(session, "key.created", listed.key.id) == letters(session, "key_created", owner.email) == 1
    headers = bearer(secrets.pop())
    assert app.test_client().get("/api/v1/usage/events", headers=headers).status_code == 200


def test_a_form_for_a_key_is_good_for_ten_minutes_and_comes_back_filled_in(
    app: Flask, page: FlaskClient, session: Session, org: Org, owner: User, wall: FixedClock
) -> None:
    fields = key_form()
    wall.advance(timedelta(minutes=9, seconds=59))
    assert SECRET.search(send(page, "/settings/keys", **fields).text)
    stale = key_form()
    stale["once"] = fields["once"]
    wall.advance(timedelta(seconds=2))
    page = signed_in(app, session, owner, org)
    again = send(page, "/settings/keys", **stale)
    assert again.status_code == 422
    assert "open for more than ten minutes" in again.text
    assert 'value="Server"' in again.text
    once = re.search(r'name="once" value="([^"]+)"', again.text)
    assert once
    assert SECRET.search(send(page, "/settings/keys", **{**stale, "once": once[1]}).text)
    assert len(queries.list_keys(session, org.id)) == 2


@pytest.mark.parametrize("once", ["", "junk", "0199f0c2-7d2f-7e5a-8f60-6d1d2a3b4c5d"])
def test_a_form_without_an_id_of_ours_makes_no_key(page: FlaskClient, session: Session, org: Org, once: str) -> None:
    assert send(page, "/settings/keys", **{**key_form(), "once": once}).status_code == 422
    assert queries.list_keys(session, org.id) == []


def test_somebody_elses_form_makes_no_second_key(app: Flask, page: FlaskClient, session: Session, org: Org) -> None:
    fields = key_form()
    other = signed_in(app, session, make_member(session, org, "admin"), org)
    assert SECRET.search(send(page, "/settings/keys", **fields).text)
    assert send(other, "/settings/keys", **fields).location == "/settings/keys"
    assert len(queries.list_keys(session, org.id)) == 1


def test_no_scope_or_role_offers_what_is_not_there(page: FlaskClient) -> None:
    """Jobs cannot be run yet, nor an organisation be deleted."""
    for path in ("/settings/keys", "/settings/members"):
        shown = page.get(path).text
        assert "jobs" not in shown
        assert "deleting" not in shown
