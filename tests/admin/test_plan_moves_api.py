"""Staff move the organisations on a version through the API: what it foretells is what is done, and can be undone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.admin.plan_moves.tasks import move_orgs
from app.kit.ids import new_id
from app.payments.plan_changes.apply_moves import apply_moves
from app.subscriptions.changes.models import PlanMove
from tests import factories
from tests.factories import MadePlan
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.crowd import copy_org

REASON = "Prices of 2027"


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """Version 1: 100 units for 10 dollars a month, a cent each above; version 2: 50 for 12."""
    scenario.at("2026-11-20 12:00")
    return scenario.plan(allowance=100, policy="charge")


def on_it(scenario: Scenario, plan: MadePlan, used: int = 140) -> Org:
    return scenario.org().on(plan, since="2026-11-15 09:00").uses(used, meter=plan.meter, at="2026-11-20 11:00")


def call(scenario: Scenario, method: str, path: str, body: Any = None, scope: str = "admin:write", **more: str) -> Any:
    headers = scenario.api(scope) | {name.replace("_", "-"): value for name, value in more.items()}
    return scenario.client.open(f"/api/v1/admin/{path}", method=method, json=body, headers=headers)


def read(scenario: Scenario, path: str) -> Any:
    answer = call(scenario, "GET", path, scope="admin:read")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def start(scenario: Scenario, plan: MadePlan, orgs: int, **more: str) -> Any:
    body = {"plan": plan.key, "from_version": 1, "to_version": 2, "orgs": orgs, "reason": REASON}
    return call(scenario, "POST", "plan-moves", body, **more)


def count_moves(scenario: Scenario, plan: MadePlan) -> int:
    scenario.session.rollback()
    found = select(func.count()).where(PlanMove.from_version_id == plan.version_id)
    return scenario.session.scalar(found) or 0


@pytest.mark.slow
def test_what_is_foretold_is_what_is_done(scenario: Scenario, plan: MadePlan) -> None:
    org = on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    query = f"plans/{plan.key}/move?from=1&to=2"
    preview = read(scenario, query)
    assert (preview["notice_days"], preview["not_before"]) == (30, "2026-12-20T12:00:00Z")
    assert {"path": "prices.USD.month", "before": "10", "after": "12"} in preview["terms"]
    radius = preview["radius"]
    assert (radius["orgs"], radius["rated"], radius["dearer"]) == (1, 1, 1)
    assert radius["sums"][0]["running"] == {"before": 1040, "after": 1290}
    [effect] = read(scenario, query.replace("move?", "move/orgs?"))["orgs"]
    assert (effect["org_id"], effect["takes_effect"], effect["running"]) == (
        str(org.id), "planned", {"before": 1040, "after": 1290}
    )  # fmt: skip
    days = {"fee_at": "2027-01-15T09:00:00Z", "usage_at": "2027-01-01T00:00:00Z"}
    assert {name: effect[name] for name in days} == days
    started = start(scenario, plan, 1)
    assert started.status_code == 200, started.text
    move = started.get_json()
    assert (move["reason"], move["orgs"], move["progress"]) == (REASON, 1, {"waiting": 1})
    move_orgs()
    assert read(scenario, f"plan-moves/{move['id']}") == move | {"progress": {"planned": 1}}
    [row] = read(scenario, f"plan-moves/{move['id']}/orgs")["orgs"]
    assert row == {"org_id": str(org.id), "name": effect["name"], "state": "planned", "reason": None, "detail": None,
                   "may_undo": True} | days  # fmt: skip
    told = org.reads("/subscription")["planned_change"]
    assert told["at"] == days["fee_at"]
    scenario.at("2027-01-15 09:30")
    apply_moves(scenario.clock.at)
    assert read(scenario, f"plan-moves/{move['id']}")["progress"] == {"moved": 1}


def test_why_one_stays_is_said_by_preview_and_move(scenario: Scenario, plan: MadePlan) -> None:
    org = on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    for _ in range(2):
        move = start(scenario, plan, 1).get_json()
        move_orgs()
    [effect] = read(scenario, f"plans/{plan.key}/move/orgs?from=1&to=2")["orgs"]
    [row] = read(scenario, f"plan-moves/{move['id']}/orgs")["orgs"]
    assert [each["reason"] for each in (effect, row)] == ["already", "already"]
    assert (effect["takes_effect"], effect["fee_at"], row["state"], row["org_id"]) == (
        "kept",
        None,
        "kept",
        str(org.id),
    )


def test_everybody_is_listed_once_before_and_after(scenario: Scenario, plan: MadePlan) -> None:
    org = on_it(scenario, plan)
    everybody = sorted(map(str, [org.id, *copy_org(scenario.session, org.id, range(4))]))
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    move = start(scenario, plan, 5).get_json()
    for path in (f"plans/{plan.key}/move/orgs?from=1&to=2&", f"plan-moves/{move['id']}/orgs?"):
        page = read(scenario, f"{path}limit=2")
        found = page["orgs"]
        while page["next"]:
            page = read(scenario, f"{path}limit=2&next={page['next']}")
            found += page["orgs"]
        assert [each["org_id"] for each in found] == everybody


def test_moves_are_listed_newest_first(scenario: Scenario, plan: MadePlan) -> None:
    on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    made = [start(scenario, plan, 1).get_json()["id"] for _ in range(3)]
    page = read(scenario, f"plan-moves?plan={plan.key}&limit=2")
    rest = read(scenario, f"plan-moves?plan={plan.key}&limit=2&next={page['next']}")
    assert [each["id"] for each in page["moves"] + rest["moves"]] == sorted(made, reverse=True)
    assert rest["next"] is None
    assert read(scenario, "plan-moves?limit=1")["moves"]


@pytest.mark.slow
def test_a_move_is_undone_for_one_and_for_all(scenario: Scenario, plan: MadePlan) -> None:
    one, other = on_it(scenario, plan), on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    path = f"plan-moves/{start(scenario, plan, 2).get_json()['id']}"
    move_orgs()
    for _ in range(2):
        left = call(scenario, "POST", f"{path}/orgs/{one.id}/undo")
        assert (left.status_code, left.get_json()["state"]) == (200, "undoing")
    move_orgs()
    assert read(scenario, path)["progress"] == {"planned": 1, "undone": 1}
    for _ in range(2):
        stopped = call(scenario, "POST", f"{path}/undo").get_json()
        assert (stopped["stopped_at"], stopped["progress"]) == ("2026-11-20T12:00:00Z", {"undoing": 1, "undone": 1})
    move_orgs()
    assert read(scenario, path)["progress"] == {"undone": 2}
    assert all("move_undone" in org.letters for org in (one, other))
    assert call(scenario, "POST", f"{path}/retry").get_json()["progress"] == {"undone": 2}


def test_what_has_been_moved_is_not_undone(scenario: Scenario, plan: MadePlan) -> None:
    org = on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=120, policy="charge", month="9.00")
    path = f"plan-moves/{start(scenario, plan, 1).get_json()['id']}"
    move_orgs()
    refused = call(scenario, "POST", f"{path}/orgs/{org.id}/undo")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "conflict")
    assert read(scenario, path)["progress"] == {"moved": 1}
    [row] = read(scenario, f"{path}/orgs")["orgs"]
    assert (row["state"], row["may_undo"]) == ("moved", False)


def test_other_organisations_than_were_shown_are_not_moved(scenario: Scenario, plan: MadePlan) -> None:
    on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    refused = start(scenario, plan, 2)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "conflict")
    assert count_moves(scenario, plan) == 0


def test_a_repeated_call_starts_one_move(scenario: Scenario, plan: MadePlan) -> None:
    on_it(scenario, plan)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    headers = scenario.api("admin:write") | {"Idempotency-Key": factories.unique("move")}
    body = {"plan": plan.key, "from_version": 1, "to_version": 2, "orgs": 1, "reason": REASON}
    first, again = (scenario.client.post("/api/v1/admin/plan-moves", json=body, headers=headers) for _ in range(2))
    assert (first.get_json(), count_moves(scenario, plan)) == (again.get_json(), 1)


def test_scopes_are_needed_and_what_is_not_there_is_not_found(scenario: Scenario, plan: MadePlan) -> None:
    org: UUID = on_it(scenario, plan).id
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    path = f"plan-moves/{start(scenario, plan, 1).get_json()['id']}"
    for write in (f"{path}/undo", f"{path}/retry", f"{path}/orgs/{org}/undo", "plan-moves"):
        assert call(scenario, "POST", write, {}, scope="admin:read").get_json()["code"] == "scope_missing"
    nobody = f"plan-moves/{new_id()}"
    for method, missing in (
        ("GET", nobody), ("GET", f"{nobody}/orgs"), ("POST", f"{nobody}/undo"), ("POST", f"{nobody}/retry"),
        ("POST", f"{path}/orgs/{new_id()}/undo"), ("GET", f"plans/{plan.key}/move?from=1&to=1"),
        ("GET", f"plans/{plan.key}/move/orgs?from=1&to=3"),
    ):  # fmt: skip
        scope = "admin:read" if method == "GET" else "admin:write"
        assert call(scenario, method, missing, scope=scope).status_code == 404, missing
