"""What was taken away works no more: roles, sessions, accounts are read again in the transaction that acts.

Each order is forced: a connection of the test's own takes the right away and keeps its transaction open, the request
passes the guard at the door and waits inside its transaction, and only then the taking away commits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.api_keys.key_form import issue_form_id
from app.accounts.api_keys.key_format import hash_key
from app.accounts.membership_lock import _LOCK, _SEED
from app.accounts.models import Membership, Org, User
from app.accounts.roles import STAFF_SCOPES
from app.web.runtime import runtime, wall_now
from tests.factories import bearer, make_key, make_member, make_org, signed_in
from tests.house.test_access import routes
from tests.support.roles import BY_HAND

LOCK = str(_LOCK).replace(":id", "%(id)s").replace(":seed", "%(seed)s")
WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
DEMOTED = ("UPDATE memberships SET role = 'viewer' WHERE org_id = %(org)s AND user_id = %(user)s",)
REMOVED = ("DELETE FROM memberships WHERE org_id = %(org)s AND user_id = %(user)s",)
SIGNED_OUT = ("DELETE FROM sessions WHERE user_id = %(user)s",)
DISABLED = ("UPDATE users SET disabled_at = now() WHERE id = %(user)s",)
NO_STAFF = ("UPDATE users SET staff = false WHERE id = %(user)s",)

VIEWS = (
    """INSERT INTO org_views (id, session_id, user_id, org_id, opened_at, ends_at)
       SELECT gen_random_uuid(), s.id, s.user_id, %(org)s, now(), now() + interval '30 minutes'
       FROM sessions s WHERE s.user_id = %(user)s""",
)


@dataclass
class Desk:
    """An org, a person in it with every right there is, and what they see."""

    app: Flask
    session: Session
    org: Org
    person: User
    browser: FlaskClient

    def acts_while(self, taken: tuple[str, ...], path: str, **fields: Any) -> int:
        """Post a form while a right is being taken away; the status of the answer."""
        with psycopg.connect(self.app.extensions["tollkeeper"].settings.database_url) as taking, \
                ThreadPoolExecutor(1) as pool:  # fmt: skip
            names = {"org": self.org.id, "user": self.person.id}
            taking.execute(LOCK, {"id": str(self.org.id), "seed": _SEED})
            for statement in taken:
                taking.execute(statement, names)
            answer = pool.submit(self.browser.post, path, data=fields)
            until = time.monotonic() + 5
            while not answer.done() and not _count(self.session, WAITING) and time.monotonic() < until:
                time.sleep(0.005)
            taking.commit()
            return int(answer.result().status_code)

    def acts(self) -> int:
        """How many audited acts the person did."""
        return _count(self.session, "SELECT count(*) FROM audit_entries WHERE actor_id = :id", id=self.person.id)


def _count(session: Session, asked: str, **values: Any) -> int:
    session.rollback()
    session.execute(BY_HAND)  # who may see other sessions
    return int(session.execute(text(asked), values).scalar_one())


@pytest.fixture
def desk(app: Flask, session: Session) -> Iterator[Desk]:
    """Forms need no token here: what is asked is what the transaction reads."""
    app.config["WTF_CSRF_ENABLED"] = False
    yield new_desk(app, session)
    app.config["WTF_CSRF_ENABLED"] = True


def new_desk(app: Flask, session: Session, role: str = "admin", *, staff: bool = True) -> Desk:
    org = make_org(session)
    make_member(session, org)
    person = make_member(session, org, role)
    person.staff = staff
    session.commit()
    return Desk(app, session, org, person, signed_in(app, session, person, org))


def role_of(desk: Desk, user_id: UUID) -> str | None:
    desk.session.rollback()
    found = desk.session.get(Membership, (desk.org.id, user_id))
    return found.role if found else None


def test_what_was_on_its_way_when_staff_opened_a_customers_pages_is_refused(desk: Desk) -> None:
    assert desk.acts_while(VIEWS, "/settings/org", name="Renamed", time_zone="UTC") == 403
    assert _count(desk.session, "SELECT count(*) FROM orgs WHERE id = :id AND name = 'Renamed'", id=desk.org.id) == 0
    assert desk.acts() == 0


@pytest.mark.parametrize("round_", range(3))
def test_a_demoted_admin_does_not_make_themselves_admin_again(desk: Desk, round_: int) -> None:
    assert desk.acts_while(DEMOTED, f"/settings/members/{desk.person.id}/role", role="admin") == 403
    assert role_of(desk, desk.person.id) == "viewer"


@pytest.mark.parametrize(
    ("taken", "status"),
    [(DEMOTED, 403), (REMOVED, 403), (SIGNED_OUT, 401), (DISABLED, 401)],
    ids=["role", "membership", "session", "account"],
)
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/settings/members/invite", {"email": "guest@example.com", "role": "admin"}),
        ("/settings/keys", {"name": "CI", "scopes": ["usage:read"], "expires": "30", "once": "{once}"}),
        ("/settings/clients", {"ref": "c-1", "name": "Client"}),
        ("/settings/org", {"name": "New name", "time_zone": "UTC"}),
    ],
    ids=["invitation", "key", "client", "settings"],
)
def test_an_act_whose_right_is_taken_away_meanwhile_is_refused(
    desk: Desk, taken: tuple[str, ...], status: int, path: str, fields: dict[str, Any]
) -> None:
    if "once" in fields:
        with desk.app.app_context():
            fields = {**fields, "once": issue_form_id(runtime().settings.secret_key, wall_now())}
    assert desk.acts_while(taken, path, **fields) == status
    assert desk.acts() == 0


@pytest.mark.parametrize(
    ("rounds", "threads"), [(1, 8), pytest.param(30, 32, marks=[pytest.mark.long, pytest.mark.alone])]
)
def test_no_crowd_of_requests_keeps_a_role_that_was_taken_away(
    app: Flask, session: Session, desk: Desk, rounds: int, threads: int
) -> None:
    for _ in range(rounds):
        each = new_desk(app, session)
        owner = signed_in(app, session, make_member(session, each.org), each.org)
        path, over = f"/settings/members/{each.person.id}/role", Event()
        browsers = [signed_in(app, session, each.person, each.org) for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            pressing = [pool.submit(_press, browser, path, over) for browser in browsers]
            assert owner.post(path, data={"role": "viewer"}).status_code == 303
            over.set()
            assert {status for done in pressing for status in done.result()} <= {303, 401, 403, 503}
        assert role_of(each, each.person.id) == "viewer"


def _press(browser: FlaskClient, path: str, over: Event) -> set[int]:
    """Ask for the role again and again, and a few times more when it is over."""
    told, after = set(), 3
    while after:
        told.add(browser.post(path, data={"role": "admin"}).status_code)
        after -= over.is_set()
    return told


def test_who_is_no_longer_staff_suspends_nobody(desk: Desk) -> None:
    assert desk.acts_while(NO_STAFF, f"/admin/orgs/{desk.org.id}/suspend", reason="A reason") == 404
    assert desk.acts() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.long)])
def test_no_route_acts_for_a_session_that_ends_meanwhile(app: Flask, session: Session, every: int) -> None:
    writing = [
        route for route, method, rule in routes(app) if method == "POST" and rule.kind in {"role", "staff", "signed_in"}
    ]
    assert len(writing) >= 30
    acted = []
    for route in writing[::every]:
        each = new_desk(app, session, "owner")
        path = re.sub(r"<(?:[^:<>]+:)?org_id>", str(each.org.id), route.rule)
        path = re.sub(r"<(?:[^:<>]+:)?user_id>", str(each.person.id), path)
        path = re.sub(r"<[^>]+>", str(uuid4()), path)
        fields = {"name": "New name", "reason": "A reason", "role": "viewer", "email": "guest@example.com"}
        status = each.acts_while(SIGNED_OUT, path, **fields)
        if each.acts() or status >= 500:
            acted.append(f"{route.rule}: {status}")
    assert acted == []


@pytest.mark.parametrize("staffs", [False, True], ids=["an org's", "staff's"])
def test_no_call_acts_with_a_key_that_was_revoked(desk: Desk, staffs: bool) -> None:
    """Every call that writes, once: the process still knew the key a second ago. A key in use is waited for nowhere."""
    session, client = desk.session, desk.app.test_client()
    calls = [(route, method) for route, method, rule in routes(desk.app) if rule.kind == "key" and method != "GET"]
    assert len(calls) >= 20
    key = make_key(session, None, scopes=STAFF_SCOPES) if staffs else make_key(session, desk.org)
    headers = bearer(key) | ({"Tollkeeper-Organization": str(desk.org.id)} if staffs else {})
    assert client.get("/api/v1/usage/refused", headers=headers).status_code == 200
    session.execute(text("UPDATE api_keys SET revoked_at = now() WHERE key_hash = :hash"), {"hash": key_digest(key)})
    session.commit()
    time.sleep(runtime().settings.key_memory.total_seconds())
    for route, method in calls:
        path = re.sub(r"<(?:[^:<>]+:)?org_id>", str(desk.org.id), route.rule)
        path = re.sub(r"<[^>]+>", str(uuid4()), path)
        answer = client.open(path, method=method, json={}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_key"), path


def key_digest(key: str) -> bytes:
    return hash_key(key, runtime().settings.key_pepper.encode())


def test_an_act_under_way_is_waited_for(desk: Desk) -> None:
    """Who takes a role away is answered when nothing done with it can still arrive."""
    url = desk.app.extensions["tollkeeper"].settings.database_url
    with psycopg.connect(url) as acting, psycopg.connect(url) as taking:
        acting.execute(LOCK, {"id": str(desk.org.id), "seed": _SEED})
        taking.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            taking.execute(LOCK, {"id": str(desk.org.id), "seed": _SEED})
