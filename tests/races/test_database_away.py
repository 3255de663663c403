"""Without its database the portal says so quickly and does nothing; it is back by itself within 5 seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask_migrate import upgrade

from app.factory import create_app
from app.web.database import db
from sandbox.postgres import server as postgres
from tests.factories import bearer, have_default_plan, make_key, make_member, make_org, signed_in
from tests.support.database import migrator, run_as_admin
from tests.support.settings import make_settings


@dataclass
class Portal:
    """An app on a cluster that the test may stop, and what was asked of it while it stood."""

    app: Flask
    asked: dict[str, Callable[[], Any]]


@pytest.fixture
def portal(own_server: Path) -> Iterator[Portal]:
    name = f"away_{uuid4().hex[:8]}"
    run_as_admin(own_server, f"CREATE DATABASE {name}")
    url = postgres.url(own_server, name)
    with migrator(url).app_context():
        upgrade()
    app = create_app(make_settings(url))
    with app.app_context():
        session = db.session()
        plan, org = have_default_plan(session), make_org(session)
        person = signed_in(app, session, make_member(session, org), org)
        key, meter = bearer(make_key(session, org)), plan.meter
    new, event = app.test_client, {"id": "once", "meter": meter}
    yield Portal(app, {
        "an event": lambda: new().post("/api/v1/usage/events", json=event, headers=key),
        "a batch": lambda: new().post("/api/v1/usage/events", json={"events": [event]}, headers=key),
        "a check": lambda: new().post("/api/v1/usage/check", json={"meter": meter}, headers=key),
        "a read": lambda: new().get("/api/v1/usage/current", headers=key),
        "the dashboard": lambda: person.get("/dashboard"),
        "the plans": lambda: new().get("/plans"),
    })  # fmt: skip
    app.extensions["tollkeeper"].pool.close()
    with app.app_context():
        db.engine.dispose()


def test_a_database_that_is_away_is_said_quickly_and_its_return_is_noticed(own_server: Path, portal: Portal) -> None:
    assert {what: ask().status_code for what, ask in portal.asked.items()} == dict.fromkeys(portal.asked, 200)
    postgres.stop(own_server)
    probe = portal.app.test_client()
    for _ in range(2):
        with ThreadPoolExecutor(len(portal.asked)) as threads:
            for asked in [threads.submit(_says_that_it_is_away, *each) for each in portal.asked.items()]:
                asked.result()
    assert probe.get("/healthz").status_code == 200
    ready = probe.get("/readyz")
    assert (ready.status_code, ready.get_json()["checks"]["database"]) == (503, False)
    assert "Retry-After" in ready.headers

    postgres.start(own_server)
    until, left = time.monotonic() + 5, dict(portal.asked)
    while left and time.monotonic() < until:
        left = {what: ask for what, ask in left.items() if ask().status_code != 200}
    assert list(left) == []
    assert portal.asked["an event"]().get_json() == {"recorded": 0, "duplicates": 1, "refused": []}
    assert probe.get("/readyz").status_code == 200


def _says_that_it_is_away(what: str, ask: Callable[[], Any]) -> None:
    since = time.monotonic()
    answer = ask()
    assert (answer.status_code, what) == (503, what)
    assert time.monotonic() - since < 6, what
    assert int(answer.headers["Retry-After"]) >= 1
    if "application" in answer.content_type:
        assert (answer.content_type, answer.get_json()["code"]) == ("application/problem+json", "unavailable")
    else:
        assert "Nothing was done" in answer.get_data(as_text=True)
