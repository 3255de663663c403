"""Staff move the organisations on one version of a plan to another: each is told, and moves at its day."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.accounts.models import Org as OrgRow
from app.admin.plan_moves.tasks import move_orgs
from app.admin.plans import AssignablePlan, assign_plan_and_move_usage
from app.audit.models import AuditEntry
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_id
from app.payments.plan_changes.apply_moves import apply_moves, undo_staff_move
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import PlanMoveOrg, PlannedChange
from app.subscriptions.service import assign_plan
from app.web.database import transaction
from tests import factories
from tests.factories import MadePlan, unique
from tests.pages import csrf_token, text_of
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.crowd import copy_org

STAFF = Actor("staff", new_id())
NOTICE = timedelta(days=30)


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """Version 1: 100 units for 10 dollars a month, a cent each above."""
    scenario.at("2026-11-20 12:00")
    return scenario.plan(allowance=100, policy="charge")


def newest(scenario: Scenario, plan: MadePlan) -> UUID:
    scenario.session.rollback()
    with transaction() as session:
        version = catalog.find_newest_version(session, plan.key)
        assert version is not None
        return version.id


def start(scenario: Scenario, plan: MadePlan, *, runs: bool = True) -> UUID:
    """Staff press: everybody on version 1 moves to the newest."""
    to, now = newest(scenario, plan), scenario.clock.at
    with transaction() as session:
        move = move_rows.start_move(
            session, plan.version_id, to, "Prices of 2027", not_before=now + NOTICE, actor=STAFF, now=now
        )
        move_id = move.id
    if runs:
        move_orgs()
    return move_id


def rows(scenario: Scenario, move_id: UUID) -> dict[UUID, Any]:
    scenario.session.rollback()
    with transaction() as session:
        return {row.org_id: row for row in move_rows.list_move_orgs(session, move_id, 100)}


def planned(org: Org) -> Sequence[PlannedChange]:
    query = select(PlannedChange).where(PlannedChange.org_id == org.id).order_by(PlannedChange.planned_at)
    return org.session.scalars(query).all()


def dates(org: Org) -> tuple[datetime, datetime | None]:
    [row] = planned(org)
    return row.effective_at, row.usage_at


def apply_at(scenario: Scenario, when: str) -> None:
    scenario.at(when)
    apply_moves(scenario.clock.at)


def terms(org: Org) -> tuple[int, int, int]:
    """The version of its usage, what it includes, and the fee that it pays, as its API says."""
    limits, held = org.reads("/limits"), org.reads("/subscription")
    assert limits["plan"] == held["plan"]
    return held["plan"]["version"], int(limits["meters"][0]["allowance"]), held["fee"]


def test_a_dearer_version_follows_after_the_notice_usage_and_fee_each_with_its_period(
    scenario: Scenario, plan: MadePlan
) -> None:
    org = scenario.org().on(plan, since="2026-11-15 09:00").with_period()
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    start(scenario, plan)
    assert dates(org) == (factories.utc("2027-01-15 09:00"), factories.utc("2027-01-01 00:00"))
    apply_at(scenario, "2026-12-31 23:59")
    assert terms(org) == (1, 100, 1000)
    apply_at(scenario, "2027-01-01 00:01")
    assert terms(org) == (2, 50, 1000)
    apply_at(scenario, "2027-01-15 09:01")
    assert terms(org) == (2, 50, 1200)
    assert [row.outcome for row in planned(org)] == ["applied"]


@pytest.mark.slow
def test_a_fee_may_follow_before_usage_does(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan, since="2026-10-25 09:00").with_period()
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    start(scenario, plan)
    assert dates(org) == (factories.utc("2026-12-25 09:00"), factories.utc("2027-01-01 00:00"))
    apply_at(scenario, "2026-12-25 09:30")
    assert terms(org) == (1, 100, 1200)
    apply_at(scenario, "2027-01-01 00:30")
    assert terms(org) == (2, 50, 1200)


def test_what_becomes_no_dearer_is_moved_at_once(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).uses(150, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=120, policy="charge", month="9.00")
    start(scenario, plan)
    assert terms(org) == (2, 120, 900)
    assert [row.outcome for row in planned(org)] == ["applied"]
    assert "move_planned" in org.letters


def test_a_lower_fee_for_less_is_not_moved_at_once(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).uses(10, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=90, policy="charge", month="5.00")
    start(scenario, plan)
    assert terms(org) == (1, 100, 1000)
    assert dates(org)[0] > scenario.clock.at + NOTICE


def test_free_follows_with_its_usage_period(scenario: Scenario) -> None:
    scenario.at("2026-11-20 12:00")
    plan = scenario.plan(allowance=100, sold=("USD", "0.00", "0.00"))
    org = scenario.org().on(plan, since="2026-11-15 09:00").with_period()
    factories.publish_again(scenario.session, plan, allowance=50, month="0.00", year="0.00")
    start(scenario, plan)
    assert dates(org) == (factories.utc("2027-01-01 00:00"), None)
    apply_at(scenario, "2027-01-01 00:01")
    assert terms(org) == (2, 50, 0)


@pytest.mark.slow
def test_it_is_taken_back_for_all_until_it_takes_effect(scenario: Scenario, plan: MadePlan) -> None:
    early = scenario.org().on(plan, since="2026-10-25 09:00").with_period()
    late = scenario.org().on(plan, since="2026-11-15 09:00").with_period()
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    move_id = start(scenario, plan)
    apply_at(scenario, "2026-12-25 09:30")
    with transaction() as session:
        move = move_rows.find_move(session, move_id)
        assert move is not None
        assert move_rows.stop_move(session, move, actor=STAFF, now=scenario.clock.at)
    move_orgs()
    found = rows(scenario, move_id)
    assert (found[late.id].state, found[late.id].outcome) == ("undone", "undone")
    assert (found[early.id].state, found[early.id].outcome) == ("planned", None)
    assert "begun" in found[early.id].note
    assert "move_undone" in late.letters
    apply_at(scenario, "2027-02-20 12:00")
    assert terms(late) == (1, 100, 1000)
    assert terms(early) == (2, 50, 1200)


def test_one_is_taken_out_and_the_others_move(scenario: Scenario, plan: MadePlan) -> None:
    out, stays = (scenario.org().on(plan).with_period() for _ in range(2))
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    move_id = start(scenario, plan)
    with transaction() as session:
        assert move_rows.undo_move_org(session, move_id, out.id, actor=STAFF, now=scenario.clock.at)
    move_orgs()
    apply_at(scenario, "2027-01-25 12:00")
    assert terms(out) == (1, 100, 1000)
    assert terms(stays) == (2, 50, 1200)


@pytest.mark.slow
def test_one_that_was_moved_is_not_undone(scenario: Scenario, plan: MadePlan) -> None:
    late, done = (scenario.org().on(plan).with_period() for _ in range(2))
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    move_id = start(scenario, plan)
    with transaction() as session:
        assert move_rows.undo_move_org(session, move_id, late.id, actor=STAFF, now=scenario.clock.at)
    apply_at(scenario, "2027-01-25 12:00")  # before the task came to it
    move_orgs()
    with transaction() as session, pytest.raises(Conflict, match="has been moved"):
        move_rows.undo_move_org(session, move_id, done.id, actor=STAFF, now=scenario.clock.at)
    assert {(row.state, row.outcome) for row in rows(scenario, move_id).values()} == {("planned", "applied")}
    assert terms(late) == terms(done) == (2, 50, 1200)


def test_one_that_fails_stops_no_other_and_is_tried_again(scenario: Scenario, plan: MadePlan) -> None:
    broken, sound = (scenario.org().on(plan).with_period() for _ in range(2))
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    move_id = start(scenario, plan, runs=False)
    set_zone(broken, "Nowhere/Atlantis")
    move_orgs()
    found = rows(scenario, move_id)
    assert (found[broken.id].state, found[sound.id].state) == ("failed", "planned")
    assert found[broken.id].note
    set_zone(broken, "UTC")
    with transaction() as session:
        move_rows.retry_move(session, move_id, actor=STAFF, now=scenario.clock.at)
    scenario.later(minutes=1)
    move_orgs()
    assert rows(scenario, move_id)[broken.id].state == "planned"


def set_zone(org: Org, zone: str) -> None:
    session = org.session
    session.execute(update(OrgRow).where(OrgRow.id == org.id).values(time_zone=zone))
    session.commit()


def test_an_override_holds_under_the_new_version(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).agrees(f"allowance:{plan.meter}", "290").uses(1, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    start(scenario, plan)
    apply_at(scenario, "2027-01-25 12:00")
    assert terms(org) == (2, 290, 1200)


def test_staff_who_assign_another_plan_meanwhile_end_what_was_planned(scenario: Scenario, plan: MadePlan) -> None:
    org, other = scenario.org().on(plan).with_period(), scenario.plan(allowance=1000)
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    start(scenario, plan)
    with transaction() as session:
        assign_plan(
            session, org.id, other.version_id, interval="month", currency="USD", actor=STAFF, now=scenario.clock.at
        )
    assert [row.outcome for row in planned(org)] == ["lost"]
    assert not undo_staff_move(org.id, actor=STAFF, now=org.now)


@pytest.mark.slow
def test_all_of_them_are_listed_page_by_page(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org(name=unique("Alike")).on(plan, since="2026-11-15 09:00").uses(140, meter=plan.meter)
    copy_org(scenario.session, org.id, range(60))
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    staff, path = scenario.staff(), f"/admin/plans/{plan.key}/move"
    assert "All 61 organisations" in text_of(staff.get(f"{path}?from=1&to=2"))
    with scenario.statements() as asked:
        first = staff.get(f"{path}/orgs?from=1&to=2").text
    assert len(asked) <= 24, asked  # however many are listed
    following = re.findall(r'href="([^"]+)" rel="next"', first)[0]
    second = text_of(staff.get(html.unescape(following)))
    assert [page.count('<th scope="row"') for page in (first, second)] == [50, 11]
    assert second.count("Usage from 1 January 2027, fee from 15 January 2027") == 11
    assert 'rel="next"' not in second
    move_id = start(scenario, plan, runs=False)
    with transaction() as session:
        session.execute(update(PlanMoveOrg).where(PlanMoveOrg.move_id == move_id).values(state="kept", note="already"))
    copies = copy_org(scenario.session, org.id, range(60))
    with transaction() as session:
        session.add_all(PlanMoveOrg(move_id=move_id, org_id=each, state="failed", note="Lost") for each in copies)
    shown = [staff.get(f"/admin/plan-moves/{move_id}?skip={skip}").text for skip in (0, 100)]
    assert [page.count(">Stays<") for page in shown] == [40 + 1, 21 + 1]
    assert ['rel="next"' in page for page in shown] == [True, False]


@pytest.mark.slow
def test_staff_see_who_moves_and_when_press_and_take_it_back(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan, since="2026-11-15 09:00").with_period()
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    staff, path = scenario.staff(), f"/admin/plans/{plan.key}/move?from=1&to=2"
    shown = text_of(staff.get(path))
    assert "usage from 1 January 2027, fee from 15 January 2027" in shown.lower().replace("january", "January")
    fields = {"csrf_token": csrf_token(staff, path), "reason": "Prices of 2027", "orgs": "1"}
    assert staff.post(path, data=fields).status_code == 422
    assert staff.post(path, data={**fields, "confirmed": "y", "orgs": "2"}).status_code == 409
    assert not planned(org)
    answer = staff.post(path, data={**fields, "confirmed": "y"})
    assert answer.status_code == 303
    move_orgs()
    page = answer.headers["Location"]
    assert "Planned" in text_of(staff.get(page))
    told = text_of(org.browser().get("/billing"))
    assert "From 1 January 2027 your plan changes to today's version" in told
    assert staff.post(f"{page}/undo", data=fields).status_code == 303
    move_orgs()
    assert "Undone" in text_of(staff.get(page))
    assert "plan changes" not in text_of(org.browser().get("/billing"))


@pytest.mark.parametrize("asked", [False, True])
def test_a_dearer_plan_is_assigned_at_once_only_if_the_organisation_asked_for_it(
    scenario: Scenario, plan: MadePlan, asked: bool
) -> None:
    org, dearer = scenario.org().on(plan).with_period(), scenario.plan(allowance=100, sold=("USD", "90.00", "900.00"))
    scenario.later(days=2)
    staff, path = scenario.staff(), f"/admin/orgs/{org.id}"
    sent = {"csrf_token": csrf_token(staff, path), "offer": f"{dearer.version_id}:month:USD"}
    page = text_of(staff.post(f"{path}/plan", data=sent))
    assert "takes effect after the notice" in page
    token = re.findall(r'name="shown"[^>]* value="([^"]+)"', page)[0]
    more = {"requested": "y"} if asked else {}
    assert staff.post(f"{path}/plan", data={**sent, **more, "shown": token}).status_code == 303
    assert bool(planned(org)) is not asked
    assert (org.plan_version == dearer.version_id) is asked
    noted = select(AuditEntry.action).where(AuditEntry.org_id == org.id, AuditEntry.action.like("%waived"))
    assert list(scenario.session.scalars(noted)) == ["subscription.notice_waived"] * asked


def test_what_is_planned_already_begins_at_once_when_the_organisation_asks(scenario: Scenario, plan: MadePlan) -> None:
    org, dearer = scenario.org().on(plan).with_period(), scenario.plan(allowance=100, sold=("USD", "90.00", "900.00"))
    scenario.later(days=2)
    choice = AssignablePlan(dearer.version_id, "month", "USD", "Dearer")
    for asked, outcomes in ((False, [None]), (True, ["applied"])):
        with transaction() as session:
            assign_plan_and_move_usage(session, org.id, choice, actor=STAFF, now=scenario.clock.at, requested=asked)
        assert [row.outcome for row in planned(org)] == outcomes
    assert org.plan_version == dearer.version_id
