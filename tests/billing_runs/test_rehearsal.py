"""Bill rehearsal (1-mission, item 13): each night the close of running periods, rolled back; it equals the close."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing_runs.cli import group
from app.billing_runs.models import PeriodClose, Rehearsal
from app.billing_runs.rehearsal.close import RehearsedClose, rehearse_close
from app.billing_runs.rehearsal.night import NightReport, find_night, list_due, rehearse_org
from app.invoices.models import FEE, InvoiceLine
from app.invoices.service import LineFacts
from app.kit.errors import Conflict
from app.kit.money import plain
from app.subscriptions.close import PeriodKey
from app.web.database import transaction
from tests.billing_runs.test_close import lines, on_pro, run
from tests.factories import MadePlan, publish_again, utc
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.books import tamper


@pytest.fixture
def using(scenario: Scenario) -> tuple[Org, MadePlan]:
    """An org on 100 units and a cent for each more that used 300 in the running month."""
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100)
    org = scenario.org().on(plan)
    scenario.at("2026-12-20 12:00")
    org.uses(300, meter=plan.meter, at="2026-12-20 11:00")
    return org, plan


def night(org: Org) -> NightReport:
    org.session.rollback()
    report = NightReport()
    rehearse_org(org.id, org.now, report)
    return report


def kept(org: Org) -> list[Rehearsal]:
    org.session.rollback()
    query = select(Rehearsal).where(Rehearsal.org_id == org.id).order_by(Rehearsal.night)
    return list(org.session.scalars(query))


def rehearse(org: Org, start: datetime) -> RehearsedClose:
    org.session.rollback()
    with transaction() as session:
        return rehearse_close(session, PeriodKey(org.id, start), org.now)


def facts(line: LineFacts | InvoiceLine) -> tuple[Any, ...]:
    return (
        line.meter_id or 0, line.kind, plain(line.quantity), plain(line.imported), line.events, line.currency,
        plain(line.exact_amount), line.amount, line.reason, json.dumps(line.terms, sort_keys=True),
        json.dumps(line.breakdown, sort_keys=True),
    )  # fmt: skip


def test_a_rehearsal_is_the_close_where_nothing_was_recorded_between(
    scenario: Scenario, using: tuple[Org, MadePlan]
) -> None:
    """With overage before a change of plan, and late usage of a month before."""
    org, plan = using
    publish_again(scenario.session, plan, allowance=250, policy="charge")
    org.on(scenario.plan_named(plan.key), since=f"{org.now:%Y-%m-%d %H:%M}")
    scenario.at("2027-01-01 02:00")
    assert run(scenario, org).errors == {}
    org.uses(500, meter=plan.meter, at="2027-01-01 01:00")
    org.uses(7, meter=plan.meter, at="2026-12-20 11:00")
    started = utc("2027-01-01 00:00")
    before = {line.id for line in lines(scenario, org)}
    would = rehearse(org, started)
    assert {line.id for line in lines(scenario, org)} == before
    scenario.at("2027-02-01 02:00")
    assert run(scenario, org).errors == {}
    written = [line for line in lines(scenario, org) if line.id not in before and line.kind != FEE]
    assert sorted(map(facts, would.lines)) == sorted(map(facts, written))
    assert {"usage", "late"} <= {line.kind for line in written}
    assert (would.amount, would.amount + would.late) == (250, sum(line.amount for line in written))


def test_nothing_is_left_of_a_rehearsal_but_its_row(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    org, plan = using
    assert night(org) == NightReport(rehearsed=1)
    assert lines(scenario, org) == []
    assert list(org.session.scalars(select(PeriodClose).where(PeriodClose.org_id == org.id))) == []
    [row] = kept(org)
    assert (row.amount, row.late, row.estimate, row.currency, row.error) == (200, 0, 200, "USD", None)
    assert (row.night, row.rehearsed_at) == (utc("2026-12-20 02:00"), org.now)
    assert [(line["kind"], line["quantity"], line["amount"]) for line in row.lines] == [("usage", "300", 200)]
    org.uses(1, meter=plan.meter, at="2026-12-20 11:00")  # the period is still open


def test_the_last_two_nights_are_kept(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    org, plan = using
    for amount in (200, 210, 220):
        assert night(org).rehearsed == 1
        assert kept(org)[-1].amount == amount
        scenario.later(days=1)
        org.uses(10, meter=plan.meter, at=f"{org.now - timedelta(hours=1):%Y-%m-%d %H:%M}")
    assert [row.amount for row in kept(org)] == [210, 220]
    scenario.at("2026-12-22 23:00")
    assert night(org).rehearsed == 1
    assert [row.amount for row in kept(org)] == [210, 230]


def test_a_period_is_due_once_a_night(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    org, _ = using

    def due() -> bool:
        with transaction() as session:
            return org.id in list_due(session, org.now, 10_000)

    assert due()
    night(org)
    assert not due()
    scenario.at("2026-12-21 01:59")
    assert not due()
    scenario.at("2026-12-21 02:00")
    assert due()
    assert find_night(utc("2026-12-21 01:59")) == utc("2026-12-20 02:00")


def test_a_difference_to_the_running_estimate_is_an_alarm(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    """A plan change's overage is part of both; a row that differs is counted on staff's overview."""
    org, _ = using
    assert night(org).alarms == 0
    assert "billing_runs_alarms" not in org.page("/dashboard")
    tamper(org, "UPDATE rehearsals SET estimate = 1 WHERE org_id = :org")
    assert org.rows("SELECT org_id FROM billing_runs_alarms WHERE org_id = :org")


def test_one_orgs_failure_is_noted_and_stops_no_other(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    org, plan = using
    other = scenario.org().on(plan)
    tamper(org, "UPDATE usage_counters SET unsettled = 1 WHERE org_id = :org")
    report = night(org)
    rehearse_org(other.id, other.now, report)
    assert report == NightReport(rehearsed=1, failed=1)
    assert [row.error for row in kept(org)] == ["The period waits for its counters to be settled."]
    assert [row.error for row in kept(other)] == [None]
    ran = scenario.app.test_cli_runner().invoke(group, ["rehearse", "--org", str(org.id)])
    assert (ran.exit_code, ran.output) == (1, "0 periods rehearsed, 1 failed, 0 differ from the running estimate\n")
    tamper(org, "UPDATE usage_counters SET unsettled = NULL WHERE org_id = :org")
    ran = scenario.app.test_cli_runner().invoke(group, ["rehearse", "--org", str(org.id)])
    assert (ran.exit_code, ran.output) == (0, "1 periods rehearsed, 0 failed, 0 differ from the running estimate\n")


def test_a_closed_period_is_not_rehearsed(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    org, _ = using
    scenario.at("2027-01-01 02:00")
    assert run(scenario, org).errors == {}
    with pytest.raises(Conflict, match="closed already"):
        rehearse(org, utc("2026-12-01 00:00"))


def test_usage_goes_on_as_soon_as_a_rehearsal_is_over(scenario: Scenario, using: tuple[Org, MadePlan]) -> None:
    """The savepoint gives back the usage lock before its transaction ends."""
    org, plan = using
    org.session.rollback()
    with transaction() as session:
        rehearse_close(session, PeriodKey(org.id, utc("2026-12-01 00:00")), org.now)
        org.uses(1, meter=plan.meter, at="2026-12-20 11:00")


def test_a_subscriber_of_stripe_is_rehearsed_as_others_are(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    assert night(org) == NightReport(rehearsed=1)
    [row] = kept(org)
    assert (row.amount, row.estimate) == (10_000, 10_000)
