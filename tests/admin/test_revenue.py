"""Staff's money: the page, its file and the API say the same; filters, rows and definitions; few statements."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.admin.analytics.definitions import DEFINITIONS
from app.billing_runs.offline import issue_waiting
from app.kit.actor import SYSTEM
from app.subscriptions import service
from tests.factories import MadePlan, utc
from tests.pages import text_of
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import record

REVENUE, REPORTS = "/admin/analytics/revenue", "/api/v1/admin/billing/reports"
PAGES = ("revenue", "movements", "cohorts", "top", "past-due")


def read(browser: FlaskClient, path: str = REVENUE) -> str:
    return text_of(browser.get(path))


def lines(browser: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = browser.get(path)
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(text_of(answer))))


def told(scenario: Scenario, query: str = "", status: int = 200) -> Any:
    answer = scenario.client.get(REPORTS + query, headers=scenario.api("admin:read"))
    assert answer.status_code == status, answer.text
    return answer.json


def put_on(org: Org, plan: MadePlan, at: str, currency: str, interval: str = "month") -> Org:
    session = org.session
    service.assign_plan(session, org.id, plan.version_id, interval=interval, currency=currency, actor=SYSTEM,
                        now=utc(at))  # fmt: skip
    session.commit()
    return org


@pytest.fixture
def story(scenario: Scenario) -> tuple[Scenario, list[Org], MadePlan]:
    """Two organisations in Norway: one pays 20 a month since early November, one a year since the middle of it."""
    plan = scenario.plan(sold=("NOK", "20.00", "210.00"))
    orgs = [scenario.org(name="Fjord Books"), scenario.org(name="Tind Maps")]
    put_on(orgs[0], plan, "2026-11-05 12:00", "NOK")
    put_on(orgs[1], plan, "2026-11-15 12:00", "NOK", "year")
    scenario.at("2026-12-20 12:00")
    put_on(orgs[0], scenario.default_plan(), "2026-12-10 12:00", "USD")
    return scenario, orgs, plan


def test_page_file_and_api_say_the_same(story: tuple[Scenario, list[Org], MadePlan]) -> None:
    scenario, _, plan = story
    query = f"?from=2026-11&to=2026-12&currency=NOK&plan={plan.key}"
    [found] = told(scenario, query)["currencies"]
    assert (found["currency"], found["mrr"], found["committed_mrr"]) == ("NOK", 1750, 1750)
    assert [(month["month"], month["mrr_start"], month["mrr_end"]) for month in found["months"]] == [
        ("2026-11", 0, 3750),
        ("2026-12", 3750, 1750),
    ]
    assert found["movements"] == {"new": 3750, "expansion": 0, "reactivation": 0, "contraction": 0, "churn": -2000}
    assert (found["ratios"]["logo_churn"], found["ratios"]["arpa"]) == ("0.5", 1750)
    assert found["mrr_by_plan"] == [{"plan": plan.key, "mrr": 1750, "orgs": 1}]
    staff = scenario.staff()
    page = read(staff, REVENUE + query)
    for figure in ("NOK17.50", "NOK37.50", "−NOK20.00", "50 %"):
        assert figure in page.replace("NOK ", "NOK"), figure
    filed = lines(staff, f"{REVENUE}.csv{query}")
    assert [(row["month"], Decimal(row["mrr_end"]) * 100, Decimal(row["mrr_churn"]) * 100) for row in filed] == [
        (month["month"], month["mrr_end"], month["movements"]["churn"]) for month in found["months"]
    ]


def test_each_figure_opens_to_its_definition_and_its_rows(story: tuple[Scenario, list[Org], MadePlan]) -> None:
    scenario, _, _ = story
    staff = scenario.staff()
    page = read(staff, f"{REVENUE}?currency=NOK")
    assert all(words in page for _, words in DEFINITIONS.values())
    rows = read(staff, "/admin/analytics/movements?currency=NOK&month=2026-12&kind=churn")
    assert "Fjord Books" in rows
    assert "Tind Maps" not in rows
    filed = lines(staff, "/admin/analytics/movements.csv?currency=NOK&month=2026-11")
    assert {(row["org"], row["kind"], row["mrr_end"]) for row in filed} >= {
        ("Fjord Books", "new", "20.00"),
        ("Tind Maps", "new", "17.50"),
    }


def test_filters_are_in_the_address(story: tuple[Scenario, list[Org], MadePlan]) -> None:
    scenario, orgs, _ = story
    staff = scenario.staff()
    page = read(staff, f"{REVENUE}?org={orgs[1].id}&from=2026-11&to=2026-11")
    assert "Organisation: Tind Maps" in page
    assert "November 2026, compared with October 2026" in page
    alone = told(scenario, f"?org={orgs[1].id}")["currencies"]
    assert [each["mrr"] for each in alone] == [1750]
    assert "No recurring revenue yet" in read(staff, f"{REVENUE}?currency=XAF")


@pytest.mark.parametrize(
    "query", ["?from=2027-01&to=2027-01", "?from=2020-01&to=2026-11", "?from=2026-11&to=2026-10", "?org=x", "?from=11"]
)
def test_the_api_refuses_what_cannot_be_reported(scenario: Scenario, query: str) -> None:
    assert told(scenario, query, 400)["code"] == "invalid_request"


def test_who_first_paid_is_in_a_cohort_and_who_paid_most_is_on_top(scenario: Scenario) -> None:
    plan = scenario.plan(sold=("DKK", "20.00", "210.00"))
    org = put_on(scenario.org(name="Skagen Prints"), plan, "2026-11-05 12:00", "DKK")
    record(org, amount=2000, currency="DKK")
    staff = scenario.staff()
    filed = lines(staff, "/admin/analytics/cohorts.csv?currency=DKK")
    assert [(row["first_paid"], row["months_on"], row["orgs"], row["paying"], row["mrr"]) for row in filed] == [
        ("2026-11", "0", "1", "1", "20.00")
    ]
    assert "100 %" in read(staff, "/admin/analytics/cohorts?currency=DKK")
    assert "Skagen Prints" in read(staff, "/admin/analytics/top?currency=DKK")
    assert [(row["org"], row["mrr"]) for row in lines(staff, "/admin/analytics/top.csv?currency=DKK")] == [
        ("Skagen Prints", "20.00")
    ]


def test_the_api_ranks_by_what_was_paid(scenario: Scenario) -> None:
    headers = scenario.api("admin:read")
    plan = scenario.plan(sold=("PLN", "20.00", "210.00"))
    for name in ("Wisla Docs", "Odra Docs"):
        put_on(scenario.org(name=name), plan, "2026-11-05 12:00", "PLN")
    found = scenario.client.get("/api/v1/admin/top?by=cost&currency=PLN&month=2026-11", headers=headers).get_json()
    assert (found["month"], found["currency"], found["meter"]) == ("2026-11-01", "PLN", None)
    assert [(row["name"], row["revenue"], row["mrr"]) for row in found["orgs"]] == [
        ("Wisla Docs", 0, 2000),
        ("Odra Docs", 0, 2000),
    ]
    for query in ("?by=cost", "?by=usage", ""):
        assert scenario.client.get(f"/api/v1/admin/top{query}", headers=headers).status_code == 400


def test_who_is_past_due_is_on_the_worklist_with_what_depends_on_it(scenario: Scenario) -> None:
    plan = scenario.plan(sold=("HUF", "20.00", "210.00"))
    org = put_on(scenario.org(name="Duna Archive"), plan, "2026-11-05 12:00", "HUF")
    issue_waiting(org.session, org.id, utc("2026-11-06 12:00"), utc("2026-11-06 12:00"), grace=timedelta(hours=1))
    scenario.session.commit()
    staff = scenario.at("2026-11-18 12:00").staff()
    assert "Duna Archive" not in read(staff, "/admin/analytics/past-due")
    scenario.at("2026-11-27 12:00")
    page = read(staff, "/admin/analytics/past-due")
    assert "Duna Archive" in page
    assert "record the payment of INV-" in page
    [row] = [row for row in lines(staff, "/admin/analytics/past-due.csv") if row["org"] == "Duna Archive"]
    assert (row["owed"], row["mrr"], row["collector"]) == ("20.00", "20.00", "Invoice")


def test_the_overview_shows_mrr_and_what_moved_this_month(scenario: Scenario) -> None:
    plan = scenario.plan(sold=("CZK", "20.00", "210.00"))
    put_on(scenario.org(), plan, "2026-11-05 12:00", "CZK")
    page = read(scenario.staff(), "/admin")
    assert "MRR in CZK" in page
    assert "MRR in CZK this month: CZK 0.00 at the start, CZK 20.00 now." in page


@pytest.mark.parametrize("page", PAGES)
def test_each_page_asks_the_database_little(story: tuple[Scenario, list[Org], MadePlan], page: str) -> None:
    scenario, _, _ = story
    staff = scenario.staff()
    with scenario.statements() as asked:
        read(staff, f"/admin/analytics/{page}")
    assert len(asked) <= 6, asked
