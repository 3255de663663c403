"""What was taken away works no more, however many press at that moment: staff, sessions, keys, suspended organisations.

Roles have a crowd of their own in tests/accounts/test_taken_away.py, where each order is forced, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey
from app.accounts.models import Org, User
from app.web.runtime import runtime
from tests.factories import bearer, have_default_plan, make_key, make_member, make_org, make_user, signed_in


class Guarded(NamedTuple):
    """An act: `makes` it for one of the crowd (whether it was carried out), `take` its right, remembered so long."""

    makes: Callable[[], Callable[[], bool]]
    take: Callable[[], int]
    remembered: float = 0.0


@pytest.fixture(autouse=True)
def tokenless(app: Flask) -> Iterator[None]:
    app.config["WTF_CSRF_ENABLED"] = False
    yield
    app.config["WTF_CSRF_ENABLED"] = True


def staff(app: Flask, session: Session) -> Guarded:
    person, path = make_user(session, staff=True), f"/admin/orgs/{make_org(session).id}/suspend"
    ident = person.id

    def makes() -> Callable[[], bool]:
        browser = signed_in(app, session, person)
        return lambda: browser.post(path, data={"reason": "A reason"}).status_code == 303

    def take() -> int:
        session.execute(text("UPDATE users SET staff = false WHERE id = :id"), {"id": ident})
        session.commit()
        return 303

    return Guarded(makes, take)


def session_of_a_user(app: Flask, session: Session) -> Guarded:
    org = make_org(session)
    person = make_member(session, org)
    mine = signed_in(app, session, person, org)

    def makes() -> Callable[[], bool]:
        browser = signed_in(app, session, person, org)
        return lambda: browser.post("/settings/profile", data={"name": "New name"}).location == "/settings"

    return Guarded(makes, lambda: mine.post("/settings/sessions/end-others").status_code)


def key_of_an_org(app: Flask, session: Session) -> Guarded:
    makes, owner, org = program(app, session)
    [found] = session.scalars(select(ApiKey).where(ApiKey.org_id == org.id))
    path, typed = f"/settings/keys/{found.id}/revoke", {"name": found.name}
    session.commit()
    return Guarded(makes, lambda: owner.post(path, data=typed).status_code, remembered())


def suspension(app: Flask, session: Session) -> Guarded:
    makes, _, org = program(app, session)
    path = f"/admin/orgs/{org.id}/suspend"
    team = signed_in(app, session, make_user(session, staff=True))
    return Guarded(makes, lambda: team.post(path, data={"reason": "A reason"}).status_code, remembered())


def program(app: Flask, session: Session) -> tuple[Callable[[], Callable[[], bool]], FlaskClient, Org]:
    """A program of a new org that records events, and a browser of the org's owner."""
    meter, org = have_default_plan(session).meter, make_org(session)
    owner: User = make_member(session, org)
    headers, ids = bearer(make_key(session, org)), count()

    def makes() -> Callable[[], bool]:
        client = app.test_client()
        event = {"meter": meter, "quantity": 0}
        return lambda: record(client, headers, event | {"id": f"e{next(ids)}"}) == 200

    return makes, signed_in(app, session, owner, org), org


def record(client: FlaskClient, headers: dict[str, str], event: dict[str, object]) -> int:
    return client.post("/api/v1/usage/events", json=event, headers=headers).status_code


def remembered() -> float:
    return runtime().settings.key_memory.total_seconds()


@pytest.mark.parametrize("guard", [staff, session_of_a_user, key_of_an_org, suspension])
@pytest.mark.parametrize(
    ("rounds", "threads"), [(1, 8), pytest.param(30, 32, marks=[pytest.mark.long, pytest.mark.alone])]
)
def test_nothing_begun_after_the_taking_away_is_done(
    app: Flask, session: Session, guard: Callable[[Flask, Session], Guarded], rounds: int, threads: int
) -> None:
    for _ in range(rounds):
        with app.app_context():
            guarded = guard(app, session)
            acts = [guarded.makes() for _ in range(threads)]
        begun, over = Event(), Event()
        with ThreadPoolExecutor(threads) as pool:
            pressing = [pool.submit(press, act, begun, over) for act in acts]
            could = begun.wait(30)
            status, taken = guarded.take(), time.monotonic()
            time.sleep(guarded.remembered)
            over.set()
            last = max(done.result() for done in pressing)
        assert (could, status) == (True, 303)
        assert last <= taken + guarded.remembered


def press(act: Callable[[], bool], begun: Event, over: Event) -> float:
    """Act again and again, and a few times more when it is over; when the last act was begun that was carried out."""
    last, after = 0.0, 3
    while after:
        after -= over.is_set()
        since = time.monotonic()
        if act():
            last = since
            begun.set()
    return last
