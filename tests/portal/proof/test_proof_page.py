"""Proof of one number on the portal's and staff's pages and through the API: every source side by side."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.billing_runs.run import run_billing
from app.portal.proof import prove
from app.portal.proof.sources import read_amount
from tests.billing_runs.patience import patiently
from tests.factories import MadePlan
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.books import tamper

MONTH = "2026-12-10T00:00:00Z"


@pytest.fixture
def closed(scenario: Scenario) -> tuple[Org, MadePlan]:
    """An org on 100 units and a cent for each more, which used 300 in December, and 120 so far in January."""
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100)
    org = scenario.org().on(plan)
    scenario.at("2026-12-20 12:00")
    for quantity in (251, 49):
        org.uses(quantity, meter=plan.meter, at="2026-12-20 12:00")
    scenario.at("2027-01-01 02:00")
    org.uses(120, meter=plan.meter, at="2027-01-01 01:00")
    patiently(partial(run_billing, None, org.now, timedelta(hours=1), org.id))
    return org, plan


def figures(answer: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["source"]: (each["quantity"], each["amount"]) for each in answer["meters"][0]["figures"]}


def test_a_closed_period_is_the_same_number_everywhere(closed: tuple[Org, MadePlan]) -> None:
    org, _ = closed
    answer = org.reads(f"/usage/proof?at={MONTH}")
    assert (answer["proven"], answer["differences"], answer["contents"]) == (True, [], True)
    assert figures(answer) | {"daily_totals": None} == {
        "events": ("300", 200), "counter": ("300", None), "daily_totals": None, "lines": ("300", 200),
        "page": (None, 200), "api": ("300", 200), "csv": ("300", 200),
    }  # fmt: skip
    page = org.page(f"/usage/verify?at={MONTH}")
    assert "Everything agrees" in page
    assert page.count("$2.00") >= 5  # the invoice may have a fee on it, too
    assert "Every event is what was recorded" in page


def test_the_running_period_is_the_same_number_everywhere(closed: tuple[Org, MadePlan]) -> None:
    org, _ = closed
    answer = org.reads("/usage/proof")
    assert answer["proven"]
    assert answer["closed_at"] is None
    found = figures(answer)
    assert (found["events"], found["dashboard"], found["api"]) == (("120", 20), ("120", None), ("120", 20))
    assert "This period is not closed yet" in org.page("/usage/verify")


def test_every_figure_has_a_link_to_its_proof(closed: tuple[Org, MadePlan], scenario: Scenario) -> None:
    org, _ = closed
    assert "/usage/verify?at=2026-12-01T00:00:00%2B00:00" in org.page("/billing/usage")
    assert org.browser().get("/usage/verify?at=2026-12-01T00:00:00%2B00:00").status_code == 200
    for path in ("/dashboard", "/usage"):
        assert 'href="/usage/verify"' in org.page(path)
    staff = scenario.staff()
    assert f"/admin/orgs/{org.id}/verify?at=" in staff.get("/admin/billing-runs").text
    page = staff.get(f"/admin/orgs/{org.id}/verify?at={MONTH}")
    assert "Everything agrees" in page.text


def test_a_changed_event_is_named_on_the_page_and_by_the_api(closed: tuple[Org, MadePlan]) -> None:
    org, plan = closed
    tamper(org, "UPDATE usage_events SET quantity = 60 WHERE org_id = :org AND quantity = 49")
    [(event_id,)] = org.rows("SELECT event_id FROM usage_events WHERE org_id = :org AND quantity = 60")
    answer = org.reads(f"/usage/proof?at={MONTH}")
    [event] = answer["events"]
    assert (event["problem"], event["id"], event["meter"]) == ("changed", event_id, plan.meter)
    differing = [each["source"] for each in answer["meters"][0]["figures"] if not each["agrees"]]
    assert {"counter", "lines"} <= set(differing)
    page = org.page(f"/usage/verify?at={MONTH}")
    assert "differences were found" in page
    assert f"Event {event_id}, 2026-12-20 12:00:00 UTC, is not what was sent." in page
    assert "311" in page


def test_a_line_of_another_amount_differs_from_what_the_events_come_to(closed: tuple[Org, MadePlan]) -> None:
    org, _ = closed
    tamper(org, "UPDATE invoice_lines SET amount = 777 WHERE org_id = :org AND amount = 200")
    line, invoice = org.reads(f"/usage/proof?at={MONTH}")["differences"]
    assert line == "Units: lines: $7.77 where their quantity comes to $2.00"
    assert re.fullmatch(r"invoice INV-\S+: \$\S+ on the invoice, \$\S+ here", invoice)


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00Z", "nonsense"])
def test_no_period_is_not_found(closed: tuple[Org, MadePlan], at: str) -> None:
    assert closed[0].browser().get(f"/usage/verify?at={at}").status_code == 404


def test_a_period_that_is_too_large_leads_to_the_command(closed: tuple[Org, MadePlan]) -> None:
    org, _ = closed
    tamper(org, f"UPDATE usage_counters SET events = {prove.MOST_EVENTS + 1} WHERE org_id = :org")
    page = org.page(f"/usage/verify?at={MONTH}")
    assert f"flask billing verify --org {org.id} --period 2026-12-01" in page
    answer = org.scenario.client.get(f"/api/v1/usage/proof?at={MONTH}", headers=org.key)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")


def test_another_org_has_its_own_proof(closed: tuple[Org, MadePlan], scenario: Scenario) -> None:
    other = scenario.org().with_period()
    assert other.reads("/usage/proof")["meters"] == []
    assert "Nothing was used" in other.page("/usage/verify")
    assert scenario.client.get("/usage/verify").status_code in {302, 303}


@pytest.mark.parametrize(
    ("words", "currency", "amount"),
    [
        ("$1,234.50", "USD", 123450),
        ("¥7,400", "JPY", 7400),
        ("\N{MINUS SIGN}$0.05", "USD", -5),
        ("-$3.00", "USD", -300),
    ],
)
def test_amounts_are_read_as_pages_write_them(words: str, currency: str, amount: int) -> None:
    assert read_amount(words, currency) == amount


def test_the_instant_of_the_period_is_the_closes(closed: tuple[Org, MadePlan]) -> None:
    answer = closed[0].reads(f"/usage/proof?at={MONTH}")
    assert datetime.fromisoformat(answer["period"]["start"]).month == 12


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"])
def test_an_instant_at_the_ends_of_time_has_no_period(scenario: Scenario, at: str) -> None:
    org = scenario.org().with_period()
    assert org.scenario.client.get(f"/api/v1/usage/proof?at={at}", headers=org.key).status_code == 404
    assert org.browser().get(f"/usage/verify?at={at}").status_code == 404
