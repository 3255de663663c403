"""Without its database the portal says so quickly and does nothing; it is back by itself within 5 seconds.

Away is also a server that is frozen, one that no packet reaches any more, and one that was restarted meanwhile.
"""

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
from app.kit.postgres.connections import IDLE_SECONDS
from app.web.database import db
from sandbox.postgres import server as postgres
from sandbox.postgres.cluster import socket_folder
from tests.factories import bearer, have_default_plan, make_key, make_member, make_org, signed_in
from tests.races.faults import Relay, frozen
from tests.support.database import migrator, run_as_admin
from tests.support.settings import make_settings

WRITES = {"an event", "a batch"}


@dataclass
class Portal:
    """An app on a cluster that the test may stop, and what was asked of it while it stood."""

    app: Flask
    asked: dict[str, Callable[[], Any]]

    def answers_all(self) -> None:
        """Wait until everything is answered again; within 5 seconds."""
        until, left = time.monotonic() + 5, dict(self.asked)
        while left and time.monotonic() < until:
            left = {what: ask for what, ask in left.items() if ask().status_code != 200}
        assert list(left) == []

    def says_that_it_is_away(self) -> None:
        """Ask for everything at once."""
        with ThreadPoolExecutor(len(self.asked)) as threads:
            for asked in [threads.submit(_says_that_it_is_away, *each) for each in self.asked.items()]:
                asked.result()


@pytest.fixture
def relay(own_server: Path) -> Iterator[Relay]:
    made = Relay(socket_folder(own_server) / ".s.PGSQL.5432")
    yield made
    made.cut.clear()
    made.close()


@pytest.fixture
def portal(own_server: Path, request: pytest.FixtureRequest) -> Iterator[Portal]:
    name = f"away_{uuid4().hex[:8]}"
    run_as_admin(own_server, f"CREATE DATABASE {name}")
    url = postgres.url(own_server, name)
    with migrator(url).app_context():
        upgrade()
    if "relay" in request.fixturenames:
        url = f"postgresql://postgres@127.0.0.1:{request.getfixturevalue('relay').port}/{name}"
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


@pytest.mark.slow
def test_a_database_that_is_away_is_said_quickly_and_its_return_is_noticed(own_server: Path, portal: Portal) -> None:
    assert {what: ask().status_code for what, ask in portal.asked.items()} == dict.fromkeys(portal.asked, 200)
    postgres.stop(own_server)
    probe = portal.app.test_client()
    for _ in range(2):
        portal.says_that_it_is_away()
    assert probe.get("/healthz").status_code == 200
    ready = probe.get("/readyz")
    assert (ready.status_code, ready.get_json()["checks"]["database"]) == (503, False)
    assert "Retry-After" in ready.headers

    postgres.start(own_server)
    portal.answers_all()
    assert portal.asked["an event"]().get_json() == {"recorded": 0, "duplicates": 1, "refused": []}
    assert probe.get("/readyz").status_code == 200


@pytest.mark.slow
def test_a_frozen_database_holds_nobody_longer_than_six_seconds(own_server: Path, portal: Portal) -> None:
    portal.answers_all()
    with frozen(own_server):
        for _ in range(2):  # in the middle of work, and with what that left
            portal.says_that_it_is_away()
        assert portal.app.test_client().get("/healthz").status_code == 200
    portal.answers_all()


@pytest.mark.slow
def test_a_way_that_stops_forwarding_holds_nobody_longer_than_six_seconds(portal: Portal, relay: Relay) -> None:
    portal.answers_all()
    relay.cut.set()
    for _ in range(2):
        portal.says_that_it_is_away()
    relay.cut.clear()
    portal.answers_all()


@pytest.mark.slow
def test_connections_that_idled_through_a_restart_are_replaced(own_server: Path, portal: Portal) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(12) as threads:  # each pool with as many connections as it has
            asked = [threads.submit(ask) for ask in (*portal.asked.values(), *portal.asked.values())]
            assert [each.result().status_code for each in asked] == [200] * len(asked)
    postgres.stop(own_server)
    postgres.start(own_server)
    time.sleep(IDLE_SECONDS)
    with ThreadPoolExecutor(12) as threads:
        asked = [threads.submit(ask) for ask in (*portal.asked.values(), *portal.asked.values())]
        assert [each.result().status_code for each in asked] == [200] * len(asked)


def _says_that_it_is_away(what: str, ask: Callable[[], Any]) -> None:
    since = time.monotonic()
    answer = ask()
    assert (answer.status_code, what) == (503, what)
    assert time.monotonic() - since < 6, what
    assert int(answer.headers["Retry-After"]) >= 1
    if "application" in answer.content_type:
        assert answer.content_type == "application/problem+json"
        # What was on its way when the database went may have been recorded; a read did nothing.
        assert answer.get_json()["code"] in {"unavailable", "outcome_unknown" if what in WRITES else "unavailable"}
    else:
        assert "Nothing was done" in answer.get_data(as_text=True)
