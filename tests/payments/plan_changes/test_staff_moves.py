"""Staff's moves at Stripe, and what everybody reads before and after: the issue's line, for each way to pay."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.admin.plan_moves.tasks import move_orgs
from app.admin.plans import AssignablePlan, assign_plan_and_move_usage
from app.billing_runs.run import run_billing
from app.catalog import queries as catalog
from app.invoices.models import InvoiceLine
from app.kit.actor import Actor
from app.kit.ids import new_id
from app.payments.cancel import cancel_at_period_end
from app.payments.cli import background_gateway
from app.payments.gateway import get_gateway
from app.payments.plan_changes.apply_moves import apply_moves, undo_staff_move
from app.statements.blast.radius import find_org_effect
from app.statements.blast.version import load_priced_version
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.changes.moves import find_next_due
from app.web.database import transaction
from tests import factories
from tests.billing_runs.patience import patiently
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import confirm, push, quoted, resolve
from tests.payments.plan_changes.test_planned import outcomes, paid, plan, schedules, undo
from tests.scenario import Org, Scenario

STAFF = Actor("staff", new_id())
NOTICE = timedelta(days=30)


def republish(scenario: Scenario, org: Org, **terms: Any) -> MadePlan:
    """Version 2 of the organisation's plan, at Stripe too."""
    assert org.plan is not None
    factories.publish_again(scenario.session, org.plan, **{"allowance": 5, **terms})
    newest = scenario.plan_named(org.plan.key)
    push(org, newest)
    return newest


def move(scenario: Scenario, before: MadePlan, after: MadePlan) -> UUID:
    now = scenario.clock.at
    with transaction() as session:
        made = move_rows.start_move(
            session, before.version_id, after.version_id, "Prices of 2027", not_before=now + NOTICE, actor=STAFF,
            now=now,
        )  # fmt: skip
        move_id = made.id
    move_orgs()
    return move_id


def sweep(scenario: Scenario) -> None:
    apply_moves(scenario.clock.at)
    resolve()
    scenario.settle()


def standing(org: Org) -> PlannedChange:
    query = select(PlannedChange).where(PlannedChange.org_id == org.id, PlannedChange.ended_at.is_(None))
    return org.session.scalars(query).one()


@pytest.mark.slow
def test_the_schedule_is_made_in_the_last_period_before_and_the_fee_follows(scenario: Scenario) -> None:
    org = scenario.org().paying(scenario.plan())
    assert org.plan is not None
    assert org.subscription is not None
    scenario.later(days=15)
    newest = republish(scenario, org)
    first_end = org.subscription.billing_ends_at
    move(scenario, org.plan, newest)
    assert standing(org).effective_at > first_end + timedelta(days=27)
    scenario.later(minutes=5)
    sweep(scenario)
    assert schedules(scenario) == [], "another period is paid for before"
    scenario.renew()
    sweep(scenario)
    assert (org.plan_version, schedules(scenario)) == (org.plan.version_id, ["active"])
    assert org.subscription.billing_ends_at == standing(org).effective_at
    scenario.renew()
    assert (org.plan_version, outcomes(org), paid(scenario)) == (newest.version_id, ["applied"], [1000, 1000, 1200])
    assert org.reads("/subscription")["fee"] == 1200
    assert "plan_changed" in org.letters


@pytest.mark.slow
def test_who_pays_yearly_has_the_new_usage_first_and_the_fee_at_the_years_end(scenario: Scenario) -> None:
    org = scenario.org().paying(scenario.plan())
    assert org.plan is not None
    push(org, org.plan)
    confirm(org, quoted(org, org.plan, "year"))
    scenario.later(days=15)
    newest = republish(scenario, org)
    move(scenario, org.plan, newest)
    row = standing(org)
    assert org.subscription is not None
    assert row.effective_at == org.subscription.billing_ends_at
    assert row.usage_at is not None
    assert row.usage_at < scenario.clock.at + timedelta(days=62)
    with transaction() as session:
        assert find_next_due(session, scenario.clock.at, row.effective_at) == row.usage_at
    scenario.at(row.usage_at + timedelta(minutes=1))
    sweep(scenario)
    held = org.reads("/subscription")
    assert (held["plan"]["version"], held["fee"], held["interval"]) == (2, 10_000, "year")
    assert org.reads("/limits")["meters"][0]["allowance"] == "5"
    assert org.period.starts_at == row.usage_at
    scenario.renew()
    assert org.plan_version == newest.version_id
    assert org.reads("/subscription")["fee"] == 12_000
    assert outcomes(org)[-1] == "applied"


@pytest.mark.slow
def test_at_stripe_what_is_no_dearer_holds_at_once_and_the_fee_with_the_next_period(scenario: Scenario) -> None:
    org = scenario.org().paying(scenario.plan())
    assert org.plan is not None
    newest = republish(scenario, org, allowance=50, month="8.00")
    move(scenario, org.plan, newest)
    assert org.subscription is not None
    assert standing(org).effective_at == org.subscription.billing_ends_at
    assert org.reads("/limits")["meters"][0]["allowance"] == "50"
    assert org.reads("/subscription")["fee"] == 1000
    scenario.later(minutes=5)
    sweep(scenario)
    scenario.renew()
    assert (org.plan_version, paid(scenario)) == (newest.version_id, [800, 1000])


def test_a_change_of_its_own_stays_and_a_cancellation_too(scenario: Scenario) -> None:
    org, lower = scenario.org().paying(scenario.plan()), scenario.plan(sold=("USD", "4.00", "40.00"))
    push(org, lower)
    assert org.plan is not None
    scenario.later(days=1)
    plan(org, lower)
    newest = republish(scenario, org)
    move_id = move(scenario, org.plan, newest)
    assert standing(org).plan_version_id == lower.version_id
    assert note(scenario, move_id, org) == ("kept", "own_change")
    undo(org)
    scenario.later(minutes=1)
    move_orgs()
    assert standing(org).plan_version_id == newest.version_id
    assert not undo(org), "what staff planned is not the organisation's to undo"
    with background_gateway():
        cancel_at_period_end(org.id, actor=STAFF, now=org.now)
    assert outcomes(org)[-1] == "replaced"


def note(scenario: Scenario, move_id: UUID, org: Org) -> tuple[str, str | None]:
    scenario.session.rollback()
    with transaction() as session:
        row = next(row for row in move_rows.list_move_orgs(session, move_id, 10) if row.org_id == org.id)
        return row.state, row.note


@pytest.mark.slow
def test_staff_take_it_back_at_stripe_too(scenario: Scenario) -> None:
    org = scenario.org().paying(scenario.plan())
    assert org.plan is not None
    newest = republish(scenario, org)
    move(scenario, org.plan, newest)
    scenario.renew()
    sweep(scenario)
    assert schedules(scenario) == ["active"]
    with background_gateway():
        assert undo_staff_move(org.id, actor=STAFF, now=org.now)
    assert (schedules(scenario), outcomes(org)) == (["released"], ["undone"])
    scenario.renew()
    assert org.plan_version == org.plan.version_id
    assert "move_undone" in org.letters


def test_another_interval_of_the_version_takes_the_move_along(scenario: Scenario) -> None:
    org = scenario.org().paying(scenario.plan())
    assert org.plan is not None
    newest = republish(scenario, org)
    move(scenario, org.plan, newest)
    confirm(org, quoted(org, org.plan, "year"))
    row = standing(org)
    assert org.subscription is not None
    assert (row.interval, row.effective_at) == ("year", org.subscription.billing_ends_at)
    assert row.usage_at is not None


@pytest.mark.parametrize("kind", ["stripe", "offline", "free"])
@pytest.mark.slow
def test_every_page_and_answer_names_the_right_version_and_the_radius_is_what_happened(
    scenario: Scenario, kind: str
) -> None:
    """Old version, new version published, moved by staff: read before and after; what closes bill is what it said."""
    scenario.at("2026-11-20 12:00")
    org, before, after = begin(scenario, kind)
    org.uses(80, meter=before.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    effect = foretell(scenario, org, after)
    assert (effect.running.before, effect.running.after) == {"free": (0, 0)}.get(kind, (1000, 1230))
    reads(org, before, 1, allowance=100)
    move(scenario, before, after)
    assert org.letters.count("move_planned") == 1
    reads(org, before, 1, allowance=100, announced=True)
    for _ in range(4):
        if outcomes(org)[-1] is None:
            pass_month(scenario, org, kind)
    assert (org.plan_version, outcomes(org)) == (after.version_id, ["applied"])
    reads(org, before, 2, allowance=50)
    assert ("plan_changed" in org.letters) == (kind == "stripe")
    period = org.period
    org.uses(80, meter=before.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    assert org.reads("/usage/current")["cost"] == effect.running.after
    pass_month(scenario, org, kind)
    usage, fees = billed(scenario, org, period.starts_at)
    assert usage + (fees or (1200 if kind == "stripe" else 0)) == effect.running.after
    assert kind != "stripe" or paid(scenario).count(1200) >= 1


def begin(scenario: Scenario, kind: str) -> tuple[Org, MadePlan, MadePlan]:
    """An organisation on version 1, which includes 100 units, and version 2, which includes 50."""
    free = {"sold": ("USD", "0.00", "0.00")} if kind == "free" else {}
    plan = scenario.plan(allowance=100, policy="block" if free else "charge", **free)
    org = scenario.org().paying(plan) if kind == "stripe" else scenario.org().on(plan).with_period()
    org.plan = plan
    zero = {"month": "0.00", "year": "0.00"} if free else {}
    factories.publish_again(scenario.session, plan, allowance=50, policy="block" if free else "charge", **zero)
    newest = scenario.plan_named(plan.key)
    if kind == "stripe":
        push(org, newest)
    return org, plan, newest


def foretell(scenario: Scenario, org: Org, after: MadePlan) -> Any:
    scenario.session.rollback()
    with transaction() as session:
        version = catalog.find_version(session, after.version_id)
        assert version is not None
        return find_org_effect(session, load_priced_version(session, version), org.id, scenario.clock.at)


def reads(org: Org, plan: MadePlan, number: int, *, allowance: int, announced: bool = False) -> None:
    """Every page and answer names the version."""
    held, limits = org.reads("/subscription"), org.reads("/limits")
    assert (held["plan"]["version"], limits["plan"]["version"]) == (number, number)
    assert limits["meters"][0]["allowance"] == str(allowance)
    planned = held["planned_change"]
    assert (planned is not None) == announced
    if announced:
        assert (planned["plan"]["version"], planned["announced_by"]) == (2, "staff")
        [found] = [each for each in planned["differences"] if each["path"].endswith(".allowance")]
        assert (found["before"], found["after"]) == ("100", "50")
    billing, receipt = org.page("/billing"), org.page("/billing/receipt")
    assert f"Version {number}." in billing
    assert f"{plan.key}, version {number}" in receipt
    assert ("your plan changes to today's version" in billing) == announced
    plans, own = org.page("/plans"), org.page(f"/plans/{plan.key}")
    assert ("your plan changes to today's version" in plans) == ("your plan changes" in own) == announced
    assert f"of {allowance} units" in org.page("/dashboard")


def pass_month(scenario: Scenario, org: Org, kind: str) -> None:
    """The next period of its plan begins, and all that waits for that is done."""
    if kind == "stripe":
        scenario.renew()
    else:
        scenario.later(days=31)
    sweep(scenario)
    org.with_period()


def billed(scenario: Scenario, org: Org, start: Any) -> tuple[int, int]:
    """What the closes billed for the usage period that began then, and the last fee that we invoiced."""
    gateway = get_gateway() if org.mirror is not None else None
    with background_gateway():
        patiently(partial(run_billing, gateway, scenario.clock.at, timedelta(hours=1), org.id))
    lines = org.session.scalars(select(InvoiceLine).where(InvoiceLine.org_id == org.id)).all()
    fees = [line for line in lines if line.kind == "fee"]
    usage = sum(line.amount for line in lines if line.period_start == start and line.kind != "fee")
    return usage, max(fees, key=lambda line: line.period_start).amount if fees else 0


def test_an_invoiced_organisation_is_assigned_a_dearer_plan_after_the_notice(scenario: Scenario) -> None:
    scenario.at("2026-11-20 12:00")
    org, dearer = scenario.org().on(scenario.plan()).with_period(), scenario.plan(sold=("USD", "40.00", "400.00"))
    scenario.later(hours=2)
    choice = AssignablePlan(dearer.version_id, "month", "USD", "Dearer")
    for again in (False, True):
        with transaction() as session:
            done = assign_plan_and_move_usage(session, org.id, choice, actor=STAFF, now=scenario.clock.at)
            assert done.changed != again
            assert done.planned is not None
            at = done.planned.effective_at
    assert at == factories.utc("2027-01-20 12:00"), "the first that begins after 20 December, 14:00"
    assert org.plan_version != dearer.version_id
    assert org.letters.count("move_planned") == 1
    scenario.at("2027-01-20 12:01")
    sweep(scenario)
    assert org.plan_version == dearer.version_id
    assert outcomes(org) == ["applied"]


def test_a_plan_given_by_mistake_is_corrected_within_the_hour(scenario: Scenario) -> None:
    scenario.at("2026-11-20 12:00")
    org, dearer = scenario.org().on(scenario.plan()).with_period(), scenario.plan(sold=("USD", "40.00", "400.00"))
    choice = AssignablePlan(dearer.version_id, "month", "USD", "Dearer")
    scenario.later(minutes=30)
    with transaction() as session:
        assert assign_plan_and_move_usage(session, org.id, choice, actor=STAFF, now=scenario.clock.at).planned is None
    assert org.plan_version == dearer.version_id
