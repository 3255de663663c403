"""An org that Stripe charges twice: both sides see it, nobody can buy a third, and staff end one by a press."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.ops.doctor import run_checks
from app.payments.cancel import cancel_at_period_end
from app.payments.end_second import end_second_subscription
from tests.factories import MadePlan
from tests.pages import send, text_of
from tests.scenario import Org, Scenario
from tests.support.copy import copy

NAME = "Aardvark Ltd"  # the first of those that the overview names


def charged_twice(scenario: Scenario) -> tuple[Org, MadePlan, str]:
    """An org that pays for its plan, and for the same plan once more; the second one's id."""
    org = scenario.org(name=NAME).paying()
    first = org.mirror
    assert first is not None
    assert org.plan is not None
    made = scenario.stripe.client().v1.subscriptions.create(
        {"customer": first.customer_id, "items": [{"price": first.price_id}], "metadata": {}}
    )
    scenario.settle()
    return org, org.plan, made.id


def states(scenario: Scenario) -> list[str]:
    """Of the subscriptions at Stripe, oldest first."""
    return [each["status"] for each in reversed(scenario.stripe.objects("subscription"))]


def doctors_word(scenario: Scenario) -> tuple[str, str]:
    found = {each.name: each for each in run_checks(scenario.app.extensions["tollkeeper"].settings)}
    return found["second subscriptions"].status, found["second subscriptions"].detail


@pytest.mark.slow
def test_both_sides_see_it_and_staff_end_it_by_a_press(scenario: Scenario) -> None:
    org, plan, second = charged_twice(scenario)
    staff, theirs = scenario.staff(), f"/admin/orgs/{org.id}"
    assert copy("billing.charged_twice") in org.page("/billing")
    assert copy("admin.second_at", org=NAME) in text_of(staff.get("/admin"))
    page = text_of(staff.get(theirs))
    assert copy("admin.charged_twice") in page
    assert second in page
    [told] = org.reads("/billing")["second_subscriptions"]
    assert (told["plan"]["key"], told["amount"], told["interval"]) == (plan.key, 1000, "month")
    answer = send(staff, f"{theirs}/subscriptions/{second}/end", theirs)
    assert answer.status_code == 303
    page = text_of(staff.get(theirs))
    assert copy("admin.second_ended") in page
    assert copy("admin.charged_twice") not in page
    assert copy("billing.charged_twice") not in org.page("/billing")
    assert states(scenario) == ["active", "canceled"]
    assert org.plan_version == plan.version_id
    told = text(
        "SELECT actor_kind, object_id FROM audit_entries WHERE action = 'subscription.second_ended' AND org_id = :o"
    )
    assert org.session.execute(told, {"o": org.id}).all() == [("staff", second)]


@pytest.mark.slow
def test_the_banner_of_a_planned_end_says_that_the_second_goes_on(scenario: Scenario) -> None:
    org, _, _ = charged_twice(scenario)
    assert cancel_at_period_end(org.id, actor=SYSTEM, now=org.now)
    scenario.session.rollback()
    page = org.page("/usage")
    assert "After that, the second subscription continues." in page
    assert "limits apply." not in page


def test_the_doctor_names_the_org(scenario: Scenario) -> None:
    org, _, second = charged_twice(scenario)
    status, detail = doctors_word(scenario)
    assert status == "warning"
    assert str(org.id) in detail or "others" in detail
    end_second_subscription(org.id, second, actor=SYSTEM, now=org.now)


def test_nobody_buys_a_third(scenario: Scenario) -> None:
    org, plan, _ = charged_twice(scenario)
    before = len(scenario.sessions())
    with pytest.raises(Conflict):
        org.opens(plan)
    with pytest.raises(Conflict):
        org.opens(scenario.plan())
    assert len(scenario.sessions()) == before


def test_after_a_cancellation_nobody_is_told_that_nothing_more_is_charged(scenario: Scenario) -> None:
    org, _, _ = charged_twice(scenario)
    for path in ("/billing", "/billing/cancel"):
        assert copy("billing.no_more_payments") not in org.page(path)
    cancel_at_period_end(org.id, actor=SYSTEM, now=org.now)
    page = org.page("/billing")
    assert copy("billing.no_more_payments") not in page
    assert "continues" in page
    assert "$10.00" in page


@pytest.mark.parametrize("which", ["the first", "ended", "unknown", "another org's"])
def test_only_a_second_subscription_that_runs_is_ended(scenario: Scenario, which: str) -> None:
    org, _, second = charged_twice(scenario)
    first = scenario.stripe.objects("subscription")[1]["id"]
    wanted, owner = {"the first": first, "unknown": "sub_nobodys"}.get(which, second), org.id
    if which == "ended":
        end_second_subscription(org.id, second, actor=SYSTEM, now=org.now)
    if which == "another org's":
        owner = scenario.org().id
    before = states(scenario)
    with pytest.raises(Conflict, match=copy("admin.not_second")):
        end_second_subscription(owner, wanted, actor=SYSTEM, now=org.now)
    assert states(scenario) == before


def test_one_that_ended_unheard_of_is_noted_when_it_is_pressed(scenario: Scenario) -> None:
    org, _, second = charged_twice(scenario)
    scenario.stripe.client().v1.subscriptions.cancel(second)
    scenario.stripe.lose()
    end_second_subscription(org.id, second, actor=SYSTEM, now=org.now)
    assert org.books["subscriptions"] == 1


def test_a_member_cannot_press_it(scenario: Scenario) -> None:
    org, _, second = charged_twice(scenario)
    assert org.press(f"/admin/orgs/{org.id}/subscriptions/{second}/end").status_code == 404
    assert states(scenario) == ["active", "active"]
