"""Proof of one number (1-mission, item 14): a figure is what its events come to, or what differs is named."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.billing_runs.cli import group
from app.billing_runs.proof.figures import COUNTER, DAILY_TOTALS, EVENTS, LINES, PeriodProof
from app.billing_runs.proof.run import prove_period
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import manual, on_pro, run
from tests.factories import MadePlan
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.books import tamper

DAY = "2026-12-20 12:00"


def prove(org: Org, at: datetime) -> PeriodProof:
    org.session.rollback()
    with transaction() as session:
        return prove_period(session, org.id, at, org.now)


def used(scenario: Scenario, **terms: object) -> tuple[Org, MadePlan, datetime]:
    """An org on 100 units and a cent for each more that used 300 in a month, which is closed; an instant of it."""
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100, **terms)
    org = scenario.org().on(plan)
    scenario.at(DAY)
    for quantity in (250, 49, 1):
        org.uses(quantity, meter=plan.meter, at=DAY)
    scenario.at("2027-01-01 02:00")
    assert run(scenario, org).errors == {}
    return org, plan, org.now - timedelta(days=5)


def test_a_closed_period_is_proven_from_its_events(scenario: Scenario) -> None:
    org, plan, month = used(scenario)
    scenario.fold()
    proof = prove(org, month)
    assert list(proof.list_differences()) == []
    assert proof.proven
    [meter] = proof.meters
    assert meter.key == plan.meter
    figures = {figure.source: (figure.quantity, figure.events, figure.amount) for figure in meter.figures}
    assert figures == {
        EVENTS: (300, 3, 200), COUNTER: (300, 3, None), DAILY_TOTALS: (None, None, None), LINES: (300, 3, 200),
    }  # fmt: skip


def test_the_running_period_is_proven_too(scenario: Scenario) -> None:
    org, plan, _ = used(scenario)
    org.uses(150, meter=plan.meter, at="2027-01-01 01:00")
    proof = prove(org, org.now)
    assert (proof.proven, proof.closed_at) == (True, None)
    assert [(figure.source, figure.quantity, figure.amount) for figure in proof.meters[0].figures][:2] == [
        (EVENTS, 150, 50), (COUNTER, 150, None),
    ]  # fmt: skip


def test_one_event_that_was_changed_in_the_database_is_named(scenario: Scenario) -> None:
    """The acceptance of issue 11: period, meter, what differs, and which event."""
    org, _, month = used(scenario)
    scenario.fold()
    tamper(org, "UPDATE usage_events SET quantity = 60 WHERE org_id = :org AND quantity = 49")
    [(event_id,)] = org.rows("SELECT event_id FROM usage_events WHERE org_id = :org AND quantity = 60")
    proof = prove(org, month)
    said = list(proof.list_differences())
    assert said == [
        "Units: counter: 300 where the events come to 311",
        "Units: daily_totals: 1 of 1 day differ from the events, first 2026-12-20",
        "Units: lines: of the events up to the close, 300 where the events come to 311",
        f"event {event_id}, 2026-12-20 12:00:00 UTC, is not what was sent",
    ]
    ran = scenario.app.test_cli_runner().invoke(group, ["verify", "--org", str(org.id), "--period", "2026-12-20"])
    assert ran.exit_code == 1, ran.output
    assert all(f"org {org.id}, period from 2026-12-01T00:00:00Z: {each}" in ran.output for each in said)
    assert "4 differences in 5 figures of 1 periods" in ran.output


def test_changes_that_keep_every_sum_are_found_in_the_events(scenario: Scenario) -> None:
    org, _, month = used(scenario)
    tamper(org, "UPDATE usage_events SET quantity = 299 - quantity WHERE org_id = :org AND quantity > 1")
    proof = prove(org, month)
    assert not any(meter.differing for meter in proof.meters)
    assert len(list(proof.list_differences())) == 2


def test_a_line_that_was_changed_is_named(scenario: Scenario) -> None:
    org, _, month = used(scenario)
    tamper(org, "UPDATE invoice_lines SET amount = amount + 5 WHERE org_id = :org AND amount > 0")
    line, invoice = prove(org, month).list_differences()
    assert line == "Units: lines: $2.05 where their quantity comes to $2.00"
    assert invoice.startswith("invoice INV-")
    assert invoice.endswith(" here")


def test_the_command_finds_nothing_where_nothing_differs(scenario: Scenario) -> None:
    org, _, _ = used(scenario)
    ran = scenario.app.test_cli_runner().invoke(group, ["verify", "--org", str(org.id)])
    assert (ran.exit_code, ran.output.split(" ")[0]) == (0, "0")
    assert scenario.app.test_cli_runner().invoke(group, ["verify", "--period", "x"]).exit_code == 2


def test_late_usage_and_voids_wait_for_the_next_close_and_are_proven_after_it(scenario: Scenario) -> None:
    org, plan, month = used(scenario)
    org.uses(10, meter=plan.meter, at=DAY)
    [(event_id,)] = org.rows("SELECT event_id FROM usage_events WHERE org_id = :org AND quantity = 49")
    org.session.rollback()
    with transaction() as session:
        void_event(session, org.id, event_id, "A retry", actor=SYSTEM, now=org.now)
    proof = prove(org, month)
    assert proof.proven
    figures = {figure.source: figure for figure in proof.meters[0].figures}
    assert (figures[EVENTS].quantity, figures[LINES].quantity) == (261, 300)
    assert "next close" in figures[LINES].note
    assert [(each.reason, each.events, each.quantity) for each in proof.meters[0].left_out] == [("voided", 1, 49)]
    scenario.at("2027-02-01 02:00")
    assert run(scenario, org).errors == {}
    proof = prove(org, month)
    figures = {figure.source: figure for figure in proof.meters[0].figures}
    assert (proof.proven, figures[LINES].amount, figures[LINES].note) == (True, 161, "")


@pytest.mark.parametrize("amount", [None, 9_999])
def test_an_invoice_of_ours_at_stripe_is_compared_as_it_is_mirrored(scenario: Scenario, amount: int | None) -> None:
    org = on_pro(scenario, 60_000, interval="year")
    month = scenario.clock.at
    scenario.later(days=33)
    assert run(scenario, org).errors == {}
    scenario.settle()
    if amount:
        tamper(org, f"UPDATE stripe_invoices SET total = {amount} WHERE org_id = :org AND billing_reason = 'manual'")
    [remote] = manual(scenario, org)
    proof = prove(org, month)
    [invoice] = proof.invoices
    assert (invoice.lines, invoice.total, invoice.number) == (10_000, amount or 10_000, remote["number"])
    assert proof.proven is (amount is None)
