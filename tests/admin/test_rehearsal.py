"""What running periods would come to: staff's page, file and API, and the customer's card."""

from __future__ import annotations

import csv
import io

import pytest

from app.billing_runs.rehearsal.night import NightReport, rehearse_org
from tests.factories import unique
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.books import tamper

PATH = "/admin/billing-runs/rehearsal"


@pytest.fixture
def org(scenario: Scenario) -> Org:
    """An org that used 290 of 100 units at a cent by one night, and 300 by the next, the last one of its month."""
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100)
    made = scenario.org(name=unique("Rehearsed")).on(plan)
    for at, quantity in (("2026-12-30 12:00", 290), ("2026-12-31 12:00", 10)):
        scenario.at(at)
        made.uses(quantity, meter=plan.meter, at=at)
        rehearse_org(made.id, made.now, NightReport())
    return made


def test_staff_see_what_a_period_would_come_to_and_what_changed(scenario: Scenario, org: Org) -> None:
    name = org.page("/dashboard") and org.rows("SELECT name FROM orgs WHERE id = :org")[0][0]
    staff = scenario.staff()
    for path in (PATH, f"{PATH}?show=tomorrow"):
        page = staff.get(path).text
        row = page[page.index(name) :].partition("</tr>")[0]
        assert "$2.00" in row
        assert "+$0.10" in row
        assert "As estimated" in row
    assert name not in staff.get(f"{PATH}?show=alarms").text
    rows = csv.DictReader(io.StringIO(staff.get(f"{PATH}.csv").text))
    [mine] = [each for each in rows if each["org_id"] == str(org.id)]
    assert (mine["usage"], mine["day_before"], mine["estimate"], mine["currency"], mine["alarm"]) == (
        "2.00", "1.90", "2.00", "USD", "no",
    )  # fmt: skip
    key = scenario.api("admin:read")
    answer = scenario.client.get("/api/v1/admin/rehearsals?show=tomorrow", headers=key).get_json()
    [told] = [each for each in answer["rehearsals"] if each["org_id"] == str(org.id)]
    assert (told["amount"], told["amount_before"], told["alarm"], told["error"]) == (200, 190, False, None)


def test_an_alarm_is_shown_with_the_estimate_and_on_the_overview(scenario: Scenario, org: Org) -> None:
    tamper(org, "UPDATE rehearsals SET estimate = 123 WHERE org_id = :org")
    staff = scenario.staff()
    page = staff.get(f"{PATH}?show=alarms").text
    assert "The running estimate says $1.23." in page
    assert "failed or not as estimated" in staff.get("/admin").text
    tamper(org, "UPDATE rehearsals SET error = 'It was locked.' WHERE org_id = :org")
    assert "It was locked." in staff.get(f"{PATH}?show=alarms").text


def test_the_customer_sees_what_the_period_would_come_to(scenario: Scenario, org: Org) -> None:
    page = org.page("/billing/usage")
    card = page[page.index('id="running"') :].partition("</section>")[0]
    assert "If this period closed now" in page
    assert "$2.00" in card
    assert "300 units" in card
    assert "31 Dec 2026" in card
    other = scenario.org().with_period()
    assert 'id="running"' not in other.page("/billing/usage")
    scenario.at("2027-01-01 02:00")
    assert 'id="running"' not in org.page("/billing/usage")
