"""Staff lift a restriction until a date: on the page and through the API, and what members read meanwhile."""

from __future__ import annotations

import pytest

from tests.admin.test_overrides_api import call
from tests.admin.test_pages import press, read
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer
from tests.support.copy import copy

LIFTED = {"lifted_until": "2026-12-05T00:00:00Z", "reason": "Waits for a bank transfer"}


@pytest.fixture
def restricted(scenario: Scenario) -> Org:
    """An org on Pro that has not paid within the grace."""
    return payer(scenario, state="past_due", limited=True).with_period()


def test_a_lift_through_the_api_gives_the_limits_back_until_its_instant(scenario: Scenario, restricted: Org) -> None:
    path = f"{restricted.id}/restriction"
    assert restricted.reads("/limits")["limited"] is True
    answer = call(scenario, "PUT", path, LIFTED)
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["limited"], answer.get_json()["lifted_until"]) == (False, LIFTED["lifted_until"])
    assert restricted.reads("/limits")["limited"] is False
    overdue = restricted.reads("/subscription")
    assert (overdue["limited"], overdue["overdue"]["limits_fall_at"]) == (False, LIFTED["lifted_until"])
    scenario.at("2026-12-05")
    assert restricted.reads("/limits")["limited"] is True
    ended = call(scenario, "PUT", path, {"lifted_until": None, "reason": "The transfer failed"}).get_json()
    assert (ended["limited"], ended["lifted_until"]) == (True, None)


def test_members_read_until_when_their_limits_apply(scenario: Scenario, restricted: Org) -> None:
    call(scenario, "PUT", f"{restricted.id}/restriction", LIFTED)
    browser, until = restricted.browser(), "5 December 2026, 00:00 UTC"
    assert copy("billing.grace", plan="Pro", at=until, free="Free") in read(browser, "/billing")
    page = read(browser, "/dashboard")
    assert f"Your Pro limits apply until {until}" in page
    assert copy("dashboard.limited") not in page


def test_staff_lift_it_on_the_page_and_end_that_early(scenario: Scenario, restricted: Org) -> None:
    staff, path = scenario.staff(), f"/admin/orgs/{restricted.id}"
    assert "Lift until then" in read(staff, path)
    press(staff, path, f"{path}/restriction", lift_until="", lift_reason="No date")
    assert copy("admin.not_second") in read(staff, path)
    fields = {"lift_until": "2026-12-04", "lift_reason": "Waits for a bank transfer"}
    assert press(staff, path, f"{path}/restriction", **fields)[0] == 303
    page = read(staff, path)
    assert copy("admin.lifted", at="5 December 2026, 00:00 UTC") in page
    assert "Reduced limits lifted" in page
    assert restricted.reads("/limits")["limited"] is False
    assert press(staff, path, f"{path}/restriction", lift_until="", lift_reason="Failed")[0] == 303
    assert "The restriction applies again." in read(staff, path)
    assert restricted.reads("/limits")["limited"] is True


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"lift_until": "soon"}, "Enter a date such as 2027-01-31."),
     ({"lift_until": "2026-11-01"}, "must be in the future"), ({"lift_reason": " "}, copy("admin.no_reason"))],
)  # fmt: skip
def test_errors_stand_beside_their_fields(
    scenario: Scenario, restricted: Org, fields: dict[str, str], words: str
) -> None:
    staff, path = scenario.staff(), f"/admin/orgs/{restricted.id}"
    sent = {"lift_until": "2026-12-04", "lift_reason": "Waits", **fields}
    status, page = press(staff, path, f"{path}/restriction", **sent)
    assert (status, words in page) == (422, True)


def test_who_is_not_restricted_has_nothing_to_lift(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    path = f"/admin/orgs/{org.id}"
    assert "Lift until then" not in read(staff, path)
    answer = call(scenario, "PUT", f"{org.id}/restriction", LIFTED)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert press(staff, path, f"{path}/restriction", lift_until="2026-12-04", lift_reason="x")[0] == 303
    assert "The organisation is not restricted." in read(staff, path)
