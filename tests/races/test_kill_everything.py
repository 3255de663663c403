"""kill -9 of the portal, the worker and PostgreSQL under load, over HTTP and as `make run` runs them.

Every event that was acknowledged is there and counted once; the portal serves again within five seconds.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from app.settings import PROJECT
from sandbox.postgres import server as postgres
from tests.browser.stack import Stack, running, until

WRITERS = 8
ROUNDS = 3
RECOVERY_SECONDS = 5.0
VICTIMS = {"portal": "granian", "worker": "app.worker", "database": "postgres"}
PLAN = """
[meters.hits]
name = "Hits"
unit = "hit"
aggregation = "sum"

[plans.endless]
name = "Endless"
summary = "No limits."
prices.USD = { month = "10.00" }

[plans.endless.limits]
jobs_at_once = 1
file_bytes = 1000
requests_per_minute = "unlimited"
retention_days = 30

[plans.endless.meters.hits]
policy = "block"
allowance = 1000000000
"""


class Writer(Thread):
    """Sends events one after another; keeps those answered 200, and sends any other again until it is."""

    def __init__(self, stack: Stack, key: str, stop: Event) -> None:
        super().__init__(daemon=True)
        self.port = int(stack.base.rsplit(":", 1)[1])
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.stop = stop
        self.acknowledged: list[str] = []
        self.last_at = 0.0

    def run(self) -> None:
        ident = str(uuid4())
        while not self.stop.is_set():
            if self._send(ident):
                self.acknowledged.append(ident)
                self.last_at = time.monotonic()
                ident = str(uuid4())
            else:
                self.stop.wait(0.02)

    def _send(self, ident: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/api/v1/usage/events", json.dumps({"id": ident, "meter": "hits"}), self.headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return answer.status == 200
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as it:
        yield it


@pytest.fixture(scope="module")
def key(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A key of an org on a plan without limits, made as an operator and a member of staff make them."""
    file = tmp_path_factory.mktemp("plan") / "endless.toml"
    file.write_text(PLAN, encoding="utf-8")
    flask(stack, "catalog", "apply", str(file))
    email = f"{uuid4().hex[:8]}@example.com"
    flask(stack, "accounts", "create-user", email, "--verified", "--password", uuid4().hex)
    staff = _made(flask(stack, "accounts", "create-key", "--scope", "admin:read", "--scope", "admin:write", "--json"))
    org_id = call(stack, staff, "GET", f"/api/v1/admin/orgs?search={email}")["orgs"][0]["id"]
    plan = {"plan": "endless", "interval": "month", "currency": "USD"}
    call(stack, staff, "PUT", f"/api/v1/admin/orgs/{org_id}/subscription", plan)
    return _made(flask(stack, "accounts", "create-key", "--org", org_id, "--scope", "usage:write", "--json"))


def _made(printed: str) -> str:
    return str(json.loads(printed)["key"])


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", VICTIMS)
def test_what_was_acknowledged_survives_the_kill_of(stack: Stack, key: str, victim: str) -> None:
    for _ in range(ROUNDS):
        acknowledged, gap = _one_round(stack, key, victim)
        assert len(acknowledged) > WRITERS
        assert gap < RECOVERY_SECONDS
        with psycopg.connect(postgres.url(stack.instance / "postgres")) as connection:
            found = connection.execute(
                "SELECT count(*), count(DISTINCT key) FROM usage_events WHERE event_id = ANY (%s)", (acknowledged,)
            ).fetchone()
            counted = connection.execute(
                "SELECT (SELECT sum(used) FROM usage_counters WHERE meter_id = m.id),"
                " (SELECT count(*) FROM usage_events WHERE meter_id = m.id) FROM meters m WHERE m.key = 'hits'"
            ).fetchone()
        assert found == (len(acknowledged), len(acknowledged))
        assert counted is not None
        assert counted[0] == counted[1]


def _one_round(stack: Stack, key: str, victim: str) -> tuple[list[str], float]:
    """The ids acknowledged, and how long nobody was served after the kill."""
    stop = Event()
    writers = [Writer(stack, key, stop) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        until(lambda: all(len(each.acknowledged) > 3 for each in writers), "the load to run")
        kill(stack, VICTIMS[victim])
        killed_at = time.monotonic()
        until(lambda: all(each.last_at > killed_at + 0.2 for each in writers), "everybody to be served again", 15)
        served_at = min(each.last_at for each in writers)
    finally:
        stop.set()
        for writer in writers:
            writer.join(10)
    return [ident for each in writers for ident in each.acknowledged], served_at - killed_at


def kill(stack: Stack, word: str) -> None:
    """SIGKILL every process of this installation whose command holds the word."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            mine = str(stack.instance).encode() in (entry / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if mine and word in words and int(entry.name) != os.getpid() and "sandbox.run" not in words:
            os.kill(int(entry.name), signal.SIGKILL)


def flask(stack: Stack, *words: str) -> str:
    """What a `flask` command prints, run against this installation as its owner."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    env = stack.environment()
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def call(stack: Stack, key: str, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """The JSON answer of an API call that must succeed."""
    connection = http.client.HTTPConnection("127.0.0.1", int(stack.base.rsplit(":", 1)[1]), timeout=10)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    assert answer.status == 200, told
    return json.loads(told)
