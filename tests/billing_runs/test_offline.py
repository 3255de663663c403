"""Organisations that we invoice ourselves (rule 2.7): fees in advance, usage in arrears, numbers without gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import Org as OrgRow
from app.billing_runs.cli import group
from app.billing_runs.fees import find_next_fee
from app.invoices.models import Invoice
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.terms import set_terms_days
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.kit.errors import InvalidRequest
from app.subscriptions.tasks import open_periods
from app.web.database import transaction
from tests.billing_runs.test_close import GRACE, lines, run
from tests.factories import unique, utc
from tests.pages import send, text_of
from tests.portal.invoices.books import Used, closes, month
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.standin import StandIn
from tests.support.installation import opened
from tests.today import WRITTEN


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """On a database of its own: the sweep opens the periods of every organisation in it."""
    with opened(server, "offline", clocks, **stripe_server.stripe_settings()) as made:
        yield made


@pytest.fixture(autouse=True)
def _begin(scenario: Scenario) -> None:
    scenario.at(WRITTEN)


def issued(scenario: Scenario, org: Org) -> list[IssuedInvoice]:
    scenario.session.rollback()
    query = select(IssuedInvoice).where(IssuedInvoice.org_id == org.id)
    return list(scenario.session.scalars(query.order_by(IssuedInvoice.issued_at, IssuedInvoice.currency)))


def runs(scenario: Scenario, org: Org, when: str) -> list[IssuedInvoice]:
    """Staff's clock goes on, the periods are rolled, and the run comes by; the invoices since."""
    before = {row.invoice_id for row in issued(scenario, org)}
    scenario.at(when)
    open_periods()
    assert run(scenario, org).errors == {}
    return [row for row in issued(scenario, org) if row.invoice_id not in before]


def kinds(row: IssuedInvoice) -> list[tuple[str, int]]:
    return [(line["kind"], line["amount"]) for line in row.lines]


def test_a_plan_is_invoiced_in_advance_once_the_grace_has_passed(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    assert runs(scenario, org, "2026-11-21 12:59") == []
    [invoice] = runs(scenario, org, "2026-11-21 13:00")
    assert (invoice.state, invoice.total, invoice.remaining, invoice.currency) == ("open", 1_000, 1_000, "USD")
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 11, 21), date(2026, 12, 5))
    assert invoice.due_at == utc("2026-12-06")
    assert invoice.number == f"{invoice.series}-{invoice.ordinal:04}"
    assert invoice.series == "INV-2026"
    [line] = invoice.lines
    assert line["description"].endswith("plan, monthly, 21 Nov – 21 Dec 2026")
    assert runs(scenario, org, "2026-11-21 13:01") == []


def test_usage_is_invoiced_at_its_close_and_the_next_fee_at_its_start(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan).uses(60_000, meter=plan.meter, at="2026-11-21 12:00")
    found = [runs(scenario, org, when) for when in ("2026-11-21 13:00", "2026-12-01 01:00", "2026-12-21 13:00")]
    assert [[kinds(row) for row in rows] for rows in found] == [
        [[("fee", 1_000)]], [[("usage", 10_000)]], [[("fee", 1_000)]],
    ]  # fmt: skip
    assert [row.ordinal for rows in found for row in rows] == sorted(row.ordinal for rows in found for row in rows)


def test_where_both_begin_together_one_invoice_has_fee_and_usage(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    scenario.at("2026-11-01")
    org = scenario.org().on(plan).uses(60_000, meter=plan.meter, at="2026-11-01")
    [first] = runs(scenario, org, "2026-11-01 01:00")
    [second] = runs(scenario, org, "2026-12-01 01:00")
    assert (kinds(first), kinds(second)) == ([("fee", 1_000)], [("fee", 1_000), ("usage", 10_000)])
    assert second.total == 11_000


def test_a_year_is_invoiced_once_and_its_usage_by_month(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan, interval="year").uses(50_300, meter=plan.meter, at="2026-11-21 12:00")
    found = [
        kinds(row)
        for when in ("2026-11-21 13:00", "2026-12-01 01:00", "2026-12-21 13:00", "2027-01-01 01:00")
        for row in runs(scenario, org, when)
    ]
    assert found == [[("fee", 10_000)], [("usage", 300)]]


def test_usage_that_costs_nothing_is_told_beside_usage_that_does(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan).uses(60_000, meter=plan.meter, at="2026-11-21 12:00").uses(3, at="2026-11-21 12:00")
    runs(scenario, org, "2026-11-21 13:00")
    [invoice] = runs(scenario, org, "2026-12-01 01:00")
    assert kinds(invoice) == [("usage", 10_000), ("usage", 0)]
    assert invoice.lines[1]["quantity"] == "3"


def test_a_plan_that_is_replaced_within_the_hour_costs_nothing(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    scenario.later(minutes=30)
    org.on(scenario.plan(allowance=20))
    [invoice] = runs(scenario, org, "2026-11-21 14:00")
    assert invoice.lines[0]["description"].startswith(org.rows(_PLAN)[0].name)
    assert runs(scenario, org, "2026-12-20 12:00") == []


def test_another_plan_later_is_invoiced_from_the_next_billing_period(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    [first] = runs(scenario, org, "2026-11-21 13:00")
    scenario.at("2026-12-03")
    org.on(scenario.plan(allowance=20))
    assert runs(scenario, org, "2026-12-03 02:00") == []
    [second] = runs(scenario, org, "2026-12-21 13:00")
    assert first.lines[0]["description"] != second.lines[0]["description"]
    assert second.lines[0]["description"].startswith(org.rows(_PLAN)[0].name)


def test_another_interval_begins_a_billing_period_of_its_own(scenario: Scenario) -> None:
    plan = scenario.plan()
    org = scenario.org().on(plan)
    runs(scenario, org, "2026-11-21 13:00")
    scenario.at("2026-11-22 08:00")
    org.on(plan, interval="year")
    [invoice] = runs(scenario, org, "2026-11-22 09:00")
    assert kinds(invoice) == [("fee", 10_000)]


def test_after_weeks_without_a_worker_every_period_is_invoiced(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    [invoice] = runs(scenario, org, "2027-02-02 12:00")
    assert kinds(invoice) == [("fee", 1_000)] * 3
    [following] = runs(scenario, org, "2027-02-21 13:00")
    assert kinds(following) == [("fee", 1_000)]


def test_another_time_zone_makes_no_second_fee(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    runs(scenario, org, "2026-12-21 13:00")
    scenario.session.get_one(OrgRow, org.id).time_zone = "Pacific/Auckland"
    scenario.session.commit()
    assert runs(scenario, org, "2027-01-20 12:00") == []
    [invoice] = runs(scenario, org, "2027-01-22 12:00")
    assert kinds(invoice) == [("fee", 1_000)]


def test_a_plan_that_has_ended_is_invoiced_no_more(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    runs(scenario, org, "2026-11-21 13:00")
    scenario.at("2026-12-21 12:30")
    org.on(scenario.default_plan())
    assert runs(scenario, org, "2026-12-21 13:00") == []
    assert runs(scenario, org, "2027-02-21 13:00") == []


def test_the_days_are_those_of_the_orgs_zone(scenario: Scenario) -> None:
    scenario.at("2026-12-31 11:00")
    org = scenario.org(zone="Pacific/Auckland").on(scenario.plan())
    [invoice] = runs(scenario, org, "2026-12-31 12:00")
    assert (invoice.series, invoice.issued_on, invoice.due_on) == ("INV-2027", date(2027, 1, 1), date(2027, 1, 15))
    assert invoice.due_at == utc("2027-01-15 11:00")


def test_the_terms_are_the_orgs(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    with transaction() as session:
        assert set_terms_days(session, org.id, 30, actor=SYSTEM, now=scenario.clock.at)
        assert not set_terms_days(session, org.id, 30, actor=SYSTEM, now=scenario.clock.at)
    with pytest.raises(InvalidRequest), transaction() as session:
        set_terms_days(session, org.id, 366, actor=SYSTEM, now=scenario.clock.at)
    [invoice] = runs(scenario, org, "2026-11-21 13:00")
    assert invoice.due_on == date(2026, 12, 21)
    [entry] = org.rows("SELECT before, after FROM audit_entries WHERE org_id = :org AND action LIKE '%terms_changed'")
    assert (entry.before, entry.after) == ({"days": 14}, {"days": 30})


def test_the_invoice_keeps_the_name_and_address_of_when_it_was_issued(scenario: Scenario) -> None:
    org = scenario.org(name="High Tide").on(scenario.plan())
    row = scenario.session.get_one(OrgRow, org.id)
    row.address, row.tax_id = {"line1": "1 Quay", "country": "DE"}, "DE123456789"
    scenario.session.commit()
    [invoice] = runs(scenario, org, "2026-11-21 13:00")
    assert invoice.buyer == {
        "name": "High Tide", "address": ["1 Quay", "Germany"], "tax_id": "DE123456789", "order_number": None,
        "note": None,
    }  # fmt: skip


def test_no_draft_is_left(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan).uses(60_000, meter=plan.meter, at="2026-11-21 12:00")
    runs(scenario, org, "2026-12-01 01:00")
    made = scenario.session.scalars(select(Invoice).where(Invoice.org_id == org.id)).all()
    assert {(row.kind, row.state, row.stripe_invoice_id) for row in made} == {("offline", "final", None)}
    assert [line.invoice_id is not None for line in lines(scenario, org) if line.amount] == [True, True]


def test_a_free_plan_is_not_invoiced(scenario: Scenario) -> None:
    assert runs(scenario, scenario.org(), "2027-01-21 13:00") == []


def test_the_next_fee_is_known_ahead(scenario: Scenario) -> None:
    begins: datetime = scenario.at("2026-11-21 12:07").clock.at
    scenario.org().on(scenario.plan())
    due = begins + GRACE
    with transaction() as session:
        assert find_next_fee(session, due - timedelta(seconds=1), due, GRACE) == due
        assert find_next_fee(session, due - timedelta(seconds=2), due - timedelta(seconds=1), GRACE) is None


def test_the_report_names_our_invoice_and_says_what_is_owed(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org(name=unique("Reported")).on(plan).uses(60_000, meter=plan.meter, at="2026-11-21 12:00")
    [_, invoice] = [row for when in ("2026-11-21 13:00", "2026-12-01 01:00") for row in runs(scenario, org, when)]
    told = scenario.app.test_cli_runner().invoke(group, ["report"]).output
    assert f"$100.00  billed  {invoice.number}" in told
    assert re.search(r"our invoices: \$[\d,.]+ open in \d+, \$[\d,.]+ overdue in \d+", told)


def test_a_deleted_org_is_not_invoiced(scenario: Scenario) -> None:
    org = scenario.org().on(scenario.plan())
    scenario.session.get_one(OrgRow, org.id).deleted_at = scenario.clock.at
    scenario.session.commit()
    assert runs(scenario, org, "2026-11-21 13:00") == []


_PLAN = """
    SELECT p.name FROM subscriptions s JOIN plan_versions v ON v.id = s.plan_version_id JOIN plans p ON p.id = v.plan_id
    WHERE s.org_id = :org AND s.ended_at IS NULL
"""


def test_what_waits_in_a_currency_that_the_org_has_left_is_billed_by_a_press(scenario: Scenario) -> None:
    """Stripe charges in dollars, so euros from before go on an invoice of ours; dollars wait for Stripe."""
    org = scenario.org().paying()
    closes(org, month(10), Used("50020", currency="EUR"), Used("50030", meter="tokens"))
    assert run(scenario, org).errors == {}
    assert issued(scenario, org) == []
    page = text_of(scenario.staff().get(f"/admin/orgs/{org.id}"))
    assert "€0.20 waits for the next invoice" in page
    staff = scenario.staff()
    assert send(staff, f"/admin/orgs/{org.id}/invoices", page=f"/admin/orgs/{org.id}").status_code == 303
    [invoice] = issued(scenario, org)
    assert (invoice.currency, invoice.total, invoice.state) == ("EUR", 20, "open")
    assert [(line.currency, line.invoice_id is None) for line in lines(scenario, org) if line.amount] == [
        ("EUR", False), ("USD", True),
    ]  # fmt: skip
