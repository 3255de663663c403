"""Suspending an org refuses its keys; that Stripe goes on charging is told to its members and to staff, who choose."""

from __future__ import annotations

from tests.pages import send, text_of
from tests.scenario import Scenario
from tests.support.copy import copy


def test_members_and_staff_read_that_stripe_goes_on_charging_and_staff_may_end_the_plan(scenario: Scenario) -> None:
    """P18"""
    org, staff = scenario.org().paying(), scenario.staff()
    page = f"/admin/orgs/{org.id}"
    assert "Suspending changes nothing at Stripe" in text_of(staff.get(page))
    assert send(staff, f"{page}/suspend", page, reason="Abuse").status_code == 303
    read = text_of(staff.get(page))
    assert copy("admin.still_charging") in read
    billing = org.page("/billing")
    assert copy("admin.suspended") in billing
    assert "That does not end your plan" in billing
    assert copy("billing.cancel") in billing
    assert copy("admin.plan_goes_on") in org.page("/dashboard")

    assert send(staff, f"{page}/plan/end", page).status_code == 303
    read = text_of(staff.get(page))
    assert copy("admin.plan_ends") in read
    assert copy("admin.still_charging") not in read
    assert scenario.stripe.objects("subscription")[0]["cancel_at_period_end"]
    assert copy("billing.no_more_payments") in org.page("/billing")
    assert copy("admin.plan_goes_on") in org.page("/dashboard")
    assert send(staff, f"{page}/plan/keep", page).status_code == 303
    assert copy("admin.plan_kept") in text_of(staff.get(page))
    assert not scenario.stripe.objects("subscription")[0]["cancel_at_period_end"]


def test_the_plan_of_an_org_that_pays_nothing_is_not_ended(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    page = f"/admin/orgs/{org.id}"
    assert send(staff, f"{page}/suspend", page, reason="Abuse").status_code == 303
    assert copy("admin.still_charging") not in text_of(staff.get(page))
    assert send(staff, f"{page}/plan/end", page).status_code == 303
    assert "You have no paid plan to cancel." in text_of(staff.get(page))
    assert copy("admin.suspended") not in org.page("/billing")
