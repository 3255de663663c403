"""Overrides on the staff's page of an organisation: the list, the form, taking one back."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.admin.test_pages import press, read
from tests.scenario import Org, Scenario
from tests.support.copy import copy

GIVEN = {
    "override_kind": "allowance", "override_subject": "meter:api_calls", "override_value": "2,000,000",
    "override_reason": "Agreed by email", "override_until": "2027-01-31", "override_stays": "y",
}  # fmt: skip


def give(staff: FlaskClient, org: Org, **changed: str) -> tuple[int, str]:
    page = f"/admin/orgs/{org.id}"
    return press(staff, page, f"{page}/overrides", **{**GIVEN, **changed})


def overrides(org: Org) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.reads("/limits")["overrides"]
    return found


def test_an_override_is_agreed_shown_and_taken_back(scenario: Scenario) -> None:
    org, staff = scenario.org(zone="Europe/Berlin").on("pro"), scenario.staff()
    assert copy("admin.no_overrides") in read(staff, f"/admin/orgs/{org.id}")
    assert give(staff, org)[0] == 303
    [held] = overrides(org)
    assert (held["key"], held["value"], held["ends_at"]) == ("allowance:api_calls", "2000000", "2027-01-31T23:00:00Z")
    page = read(staff, f"/admin/orgs/{org.id}")
    for words in (copy("admin.agreed", what="API calls: allowance"), "2,000,000 calls", "Agreed by email",
                  "Stays after a plan change", "Override given"):  # fmt: skip
        assert words in page
    assert press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/overrides/allowance:api_calls/end")[0] == 303
    page = read(staff, f"/admin/orgs/{org.id}")
    assert copy("admin.removed") in page
    assert copy("admin.holds_on") in page
    assert "Ends with the period" in page
    assert [row["ends_at"] for row in overrides(org)] == ["2026-11-30T23:00:00Z"]
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/overrides/allowance:api_calls/end")
    assert copy("admin.ended_already") in read(staff, f"/admin/orgs/{org.id}")


def test_one_that_was_to_begin_later_never_applies_once_taken_back(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    assert give(staff, org, override_value="10")[0] == 303
    assert [row["value"] for row in overrides(org)] == ["10"]
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/overrides/allowance:api_calls/end")
    page = read(staff, f"/admin/orgs/{org.id}")
    assert copy("admin.removed") in page
    assert copy("admin.holds_on") not in page
    assert overrides(org) == []


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ({"override_value": "Unlimited"}, None),
        ({"override_kind": "policy", "override_value": "Warn"}, "warn"),
        ({"override_kind": "per_day", "override_value": "70"}, "70"),
        ({"override_kind": "limit", "override_subject": "limit:jobs_at_once", "override_value": "7"}, "7"),
        ({"override_kind": "feature", "override_subject": "feature:endpoints", "override_value": "scan"}, ["scan"]),
        ({"override_kind": "feature", "override_subject": "feature:support", "override_value": "Yes"}, True),
        ({"override_kind": "overage_price", "override_value": "0.0001"},
         {"model": "per_unit", "properties": {"unit_amount": "0.0001"}}),
    ],
)  # fmt: skip
def test_each_kind_takes_its_value(scenario: Scenario, changed: dict[str, str], value: Any) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    status, page = give(staff, org, **changed)
    assert status == 303, page
    assert [row["value"] for row in overrides(org)] == [value]


def test_what_begins_with_the_next_period_says_so(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    give(staff, org, override_value="10")
    page = read(staff, f"/admin/orgs/{org.id}")
    assert copy("admin.holds_from", day="1 December 2026") in page
    assert "Not yet in force" in page


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"override_subject": "limit:jobs_at_once"}, copy("admin.wrong_subject")),
        ({"override_subject": "meter:nothing"}, "Not a valid choice"),
        ({"override_kind": "colour"}, "Not a valid choice"),
        ({"override_value": "many"}, copy("admin.wrong_value")),
        ({"override_value": ""}, "Enter a value."),
        ({"override_kind": "per_day", "override_value": "0"}, copy("admin.wrong_value")),
        ({"override_kind": "policy", "override_value": "free"}, "Enter block, charge or warn."),
        ({"override_reason": " "}, copy("admin.no_reason")),
        ({"override_until": "soon"}, "Enter a date such as 2027-01-31."),
        ({"override_until": "2026-11-20"}, "must be in the future"),
        ({"override_value": "10", "override_until": "2026-11-25"}, "must be after the running period"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field(scenario: Scenario, changed: dict[str, str], words: str) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    status, page = give(staff, org, **changed)
    assert (status, words in page) == (422, True)
    assert overrides(org) == []


def test_an_unknown_organisation_is_not_found(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    nobody = "/admin/orgs/00000000-0000-7000-8000-00000000dead/overrides"
    assert press(staff, f"/admin/orgs/{org.id}", nobody, **GIVEN)[0] == 404
    assert press(staff, f"/admin/orgs/{org.id}", f"{nobody}/allowance:api_calls/end")[0] == 404


def test_overrides_cost_the_page_few_queries(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    give(staff, org)
    give(staff, org, override_kind="per_day", override_value="70")
    with scenario.statements() as asked:
        read(staff, f"/admin/orgs/{org.id}")
    assert len(asked) <= 6, asked
