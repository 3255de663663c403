"""`flask demo`: accounts in every state, repeatable, private, and a line that works when pasted."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit.clock import Clocks
from app.ops.cli import demo
from app.web.database import db
from tests.scenario.rollups import fold
from tests.support.copy import copy
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.today import NOON, FixedClock

COUNTS = text(
    "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orgs), (SELECT count(*) FROM usage_events),"
    " (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM api_keys), (SELECT count(*) FROM plan_versions),"
    " (SELECT sum(used) FROM usage_counters), (SELECT sum(quantity) FROM usage_months WHERE dimension = ''),"
    " (SELECT count(*) FROM clients), (SELECT count(*) FROM memberships)"
)


@pytest.fixture(scope="module")
def sandbox(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An installation of its own."""
    clocks = Clocks(business=FixedClock(NOON), wall=FixedClock(NOON))
    instance = tmp_path_factory.mktemp("instance")
    with own_database(server, "demo") as url, app_on(url, clocks, instance=instance) as made:
        yield made


@pytest.fixture(scope="module")
def facts(sandbox: Flask) -> dict[str, Any]:
    """What the first run wrote."""
    done = sandbox.test_cli_runner().invoke(demo, ["--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def dashboard(sandbox: Flask, facts: dict[str, Any], slug: str) -> str:
    """The dashboard of an account that has just signed in."""
    account = next(each for each in facts["accounts"] if each["email"].startswith(f"{slug}@"))
    browser = sandbox.test_client()
    token = browser.get("/sign-in").get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    sent = {"email": account["email"], "password": account["password"], "csrf_token": token}
    assert browser.post("/sign-in", data=sent).status_code == 303
    return browser.get("/dashboard").get_data(as_text=True).replace("\u00a0", " ")


def test_the_facts_stand_in_a_file_that_only_the_owner_reads(sandbox: Flask, facts: dict[str, Any]) -> None:
    path = sandbox.extensions["tollkeeper"].settings.instance / "demo.json"
    assert json.loads(path.read_text()) == facts
    assert path.stat().st_mode & 0o777 == 0o600
    assert [account["role"] for account in facts["accounts"]].count("owner") == 6


def test_a_second_run_changes_nothing(sandbox: Flask, facts: dict[str, Any]) -> None:
    fold(sandbox, FixedClock(NOON))
    with sandbox.app_context():
        before = db.session.execute(COUNTS).one()
        db.session.rollback()
    again = sandbox.test_cli_runner().invoke(demo, ["--json"])
    assert json.loads(again.stdout) == facts
    with sandbox.app_context():
        assert db.session.execute(COUNTS).one() == before


@pytest.mark.parametrize(
    ("slug", "words"),
    [("new", copy("state.waiting")), ("near", "API calls: 80 % used"),
     ("high", "API calls: 92 % used"), ("full", "API calls: 100 % reached"), ("over", "6,000 over the allowance"),
     ("viewer", "Ask Hugo High"), ("staff", copy("state.waiting"))],
)  # fmt: skip
def test_each_account_signs_in_and_shows_its_state(
    sandbox: Flask, facts: dict[str, Any], slug: str, words: str
) -> None:
    assert words in dashboard(sandbox, facts, slug)


def test_the_printed_line_records_and_moves_the_bar(sandbox: Flask, facts: dict[str, Any]) -> None:
    assert "79 %" in dashboard(sandbox, facts, "steady")
    line = subprocess.run(["bash", "-c", f"printf '%s\\n' {facts['curl']}"], capture_output=True, text=True, check=True)
    words = line.stdout.splitlines()
    assert words[1] == f"{facts['base_url']}/api/v1/usage/events"
    headers = dict(each.split(": ", 1) for each in words if ": " in each and not each.startswith("{"))
    body = next(each for each in words if each.startswith("{"))
    assert len(shlex.split(facts["curl"])) == len(words)
    client = sandbox.test_client()
    answer = client.post("/api/v1/usage/events", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["recorded"]) == (200, 1)
    current = client.get("/api/v1/usage/current", headers={"Authorization": headers["Authorization"]}).get_json()
    assert (current["meters"][0]["used"], current["meters"][0]["percent"]) == ("800", 80)
    assert "80 %" in dashboard(sandbox, facts, "steady")


def test_months_of_history_stand_behind_each_account(sandbox: Flask, facts: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {facts['api_key']}"}
    answer = sandbox.test_client().get("/api/v1/usage/history?months=6", headers=headers).get_json()
    assert all(month["meters"] for month in answer["months"])
