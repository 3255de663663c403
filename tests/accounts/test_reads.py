"""What staff read of an organisation, and what anybody exports, is audited: once an hour for each reader."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from app.accounts.reads import EXPORTED_BILLING, EXPORTED_USAGE, VIEWED, RecentReads
from app.audit.queries import Entry, list_entries
from tests.factories import have_default_plan
from tests.scenario import Org, Scenario
from tests.support.roles import BY_HAND
from tests.today import FixedClock


def entries(scenario: Scenario, org: Org, action: str) -> list[Entry]:
    scenario.session.rollback()
    return list_entries(scenario.session, org.id, action=action)


def test_a_staff_members_look_at_an_org_is_audited_once_an_hour(scenario: Scenario, wall: FixedClock) -> None:
    org, staff = scenario.org(), scenario.staff()
    path = f"/admin/orgs/{org.id}"
    for _ in range(3):
        assert staff.get(path).status_code == 200
    (look,) = entries(scenario, org, VIEWED)
    assert (look.act.actor_kind, look.act.acting_for, look.act.object_id) == ("staff", org.id, str(org.id))
    scenario.app.extensions["tollkeeper"].shared(RecentReads).at.clear()  # another process
    assert staff.get(path).status_code == 200
    assert len(entries(scenario, org, VIEWED)) == 1
    wall.advance(timedelta(hours=1))
    assert staff.get(path).status_code == 200
    assert scenario.staff().get(path).status_code == 200
    assert len(entries(scenario, org, VIEWED)) == 3


@pytest.mark.parametrize("path", ["/admin/orgs/{org}", "/usage/current"])
def test_so_is_what_a_staff_key_reads_of_it(scenario: Scenario, path: str) -> None:
    org = scenario.org()
    headers = scenario.api("admin:read") | ({} if "{org}" in path else {"Tollkeeper-Organization": str(org.id)})
    answer = scenario.app.test_client().get(f"/api/v1{path.format(org=org.id)}", headers=headers)
    assert answer.status_code == 200
    (look,) = entries(scenario, org, VIEWED)
    assert (look.act.actor_kind, look.act.acting_for) == ("staff", org.id)


def test_so_is_every_page_and_call_of_an_org(scenario: Scenario) -> None:
    """All that staff read at an address with the org in it and nothing else; an export is told as that."""
    rules, found = scenario.app.url_map.iter_rules(), 0
    for rule in (each for each in rules if each.arguments == {"org_id"} and "GET" in (each.methods or ())):
        org = scenario.org()
        path = rule.rule.replace("<uuid:org_id>", str(org.id))
        if path.startswith("/api/"):
            answer = scenario.app.test_client().get(path, headers=scenario.api("admin:read"))
        else:
            answer = scenario.staff().get(path)
        looks = entries(scenario, org, VIEWED) + entries(scenario, org, EXPORTED_BILLING)
        assert (answer.status_code, len(looks)) in {(200, 1), (404, 0)}, path
        found += len(looks)
    assert found >= 5


@pytest.mark.parametrize(
    ("path", "action"), [("/usage.csv", EXPORTED_USAGE), ("/billing/history.csv", EXPORTED_BILLING)]
)
def test_an_export_is_audited(scenario: Scenario, path: str, action: str) -> None:
    have_default_plan(scenario.session)
    org = scenario.org()
    browser = org.browser()
    for _ in range(2):
        assert browser.get(path).status_code == 200
    (export,) = entries(scenario, org, action)
    assert export.act.actor_kind == "user"
    assert browser.get("/usage").status_code == browser.get("/billing").status_code == 200
    assert entries(scenario, org, VIEWED) == []


def count_waiting(scenario: Scenario) -> int:
    """How many statements wait for a lock."""
    scenario.session.rollback()
    scenario.session.execute(BY_HAND)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(scenario.session.execute(text(asked)).scalar_one())


def test_two_first_reads_at_once_are_one_entry(scenario: Scenario, database: str) -> None:
    """Both are held where they write; the second finds the entry of the first."""
    org = scenario.org()
    path, headers = f"/api/v1/admin/orgs/{org.id}", scenario.api("admin:read")
    scenario.app.test_client().get(path, headers=scenario.api("admin:read"))  # the chain has a head
    with psycopg.connect(database) as other, ThreadPoolExecutor(2) as pool:
        other.execute("SELECT FROM audit_heads WHERE chain = %s FOR UPDATE", (str(org.id),))
        looks = [pool.submit(scenario.app.test_client().get, path, headers=headers) for _ in range(2)]
        while count_waiting(scenario) < 2 and not any(look.done() for look in looks):
            time.sleep(0.005)
        other.rollback()
        assert [look.result(10).status_code for look in looks] == [200, 200]
    assert len(entries(scenario, org, VIEWED)) == 2


@pytest.mark.slow
def test_an_audited_read_that_fails_has_done_nothing(scenario: Scenario, database: str) -> None:
    org = scenario.org()
    headers = scenario.api("admin:read") | {"Tollkeeper-Organization": str(org.id)}
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE subscriptions IN ACCESS EXCLUSIVE MODE")
        answer = scenario.app.test_client().get("/api/v1/usage/current", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
    assert len(entries(scenario, org, VIEWED)) == 1
