"""Staff look an event up, see what its void changes, and void it; members never can."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from tests.admin.test_pages import press, read
from tests.factories import unique
from tests.scenario import Org, Scenario


@pytest.fixture
def org(scenario: Scenario) -> Org:
    """An org with 100 units a month, and a cent for each above that."""
    plan = scenario.plan(policy="charge", allowance=100)
    made = scenario.org().on(plan)
    made.plan = plan
    return made


def used(org: Org, quantity: int, event: str = "") -> str:
    event = event or unique("event")
    org.uses(quantity, meter=org.plan.meter, at=f"{org.now:%Y-%m-%d %H:%M}", event=event)
    return event


def path(org: Org, event: str = "") -> str:
    return f"/admin/orgs/{org.id}/corrections" + (f"?event={event}" if event else "")


def test_the_page_says_what_a_void_changes(scenario: Scenario, org: Org) -> None:
    event = used(org, 120)
    page = read(scenario.staff(), path(org, event))
    assert "by 120" in page
    assert "The difference is $0.20 less, before tax." in page
    assert "Void this event" in page
    within = used(org, 20)
    assert "The difference is $0.20 less" in read(scenario.staff(), path(org, within))
    used(org, 1_000)
    assert "The difference is $1.20 less" in read(scenario.staff(), path(org, event))


def test_staff_void_an_event_with_a_reason_and_stand_in_the_audit_log(scenario: Scenario, org: Org) -> None:
    event = used(org, 120)
    staff = scenario.staff()
    press(staff, path(org, event), path(org), event=event, reason="")
    assert org.counter(org.plan.meter) == 120
    press(staff, path(org, event), path(org), event=event, reason="Sent by a test")
    assert org.counter(org.plan.meter) == 0
    page = read(staff, path(org, event))
    assert "This event was voided on" in page
    assert "Sent by a test" in page
    assert "Void this event" not in page
    scenario.session.rollback()
    query = select(AuditEntry).where(AuditEntry.org_id == org.id, AuditEntry.action == "usage.voided")
    [entry] = scenario.session.scalars(query)
    assert (entry.actor_kind, entry.after) == ("staff", {"reason": "Sent by a test"})


def test_an_unknown_event_and_one_that_is_too_old_are_told_in_words(scenario: Scenario, org: Org) -> None:
    event = used(org, 5)
    staff = scenario.staff()
    assert "No event with this ID" in read(staff, path(org, "nobody-sent-this"))
    assert "No event with this ID" in read(staff, path(scenario.org(), event))
    scenario.later(days=401)
    assert "Usage can be voided for 400 days" in read(scenario.staff(), path(org, event))


def test_members_neither_find_the_page_nor_can_press_it(scenario: Scenario, org: Org) -> None:
    event = used(org, 5)
    browser = org.browser()
    assert browser.get(path(org, event)).status_code == 404
    assert browser.post(path(org), data={"event": event, "reason": "mine"}).status_code in {400, 403, 404}
    assert org.counter(org.plan.meter) == 5
    assert "usage:correct" not in read(browser, "/settings/keys/new")


def test_maxima_of_an_open_period_say_when_they_can_be_voided(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=10, aggregation="max")
    org = scenario.org().on(plan)
    org.plan = plan
    event = used(org, 5)
    page = read(scenario.staff(), path(org, event))
    assert "counts a maximum, which can be corrected once the usage period is closed" in page
    assert "Void this event" not in page
    staff = scenario.staff()
    assert press(staff, path(org), path(org), event=event, reason="too early")[0] == 303
    assert "The usage period of this event is still open." in read(staff, path(org, event))
