"""Pages and API tell of a trial before it starts, while it runs, and where there is none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.factories import MadePlan
from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.roles import BY_HAND

PRO = ("USD", "49.00", "490.00")


@pytest.fixture
def plan(paid: Scenario) -> MadePlan:
    paid.session.execute(BY_HAND)
    paid.session.execute(text("TRUNCATE trial_uses"))
    paid.session.commit()
    return paid.plan(policy="charge", allowance=100, sold=PRO, said="trial_days = 14")


@pytest.fixture
def org(paid: Scenario, plan: MadePlan) -> Org:
    return paid.org().buys(plan)


def test_a_plan_with_a_trial_is_offered_with_it(paid: Scenario, plan: MadePlan) -> None:
    org = paid.org()
    plans = org.page("/plans")
    assert "Start 14-day trial" in plans
    assert "14 days free, then $49.00 a month" in plans
    page = org.page(f"/billing/upgrade/{plan.key}")
    assert "Start 14-day trial" in page
    assert "First payment" in page
    wanted = {"plan": plan.key, "currency": "USD", "interval": "month"}
    answer = paid.client.post("/api/v1/subscription/preview", json=wanted, headers=org.key).get_json()
    assert (answer["timing"], answer["total"], answer["next_payment"]["amount"]) == ("checkout", 0, 4900)


@pytest.mark.slow
def test_the_comparison_says_how_long_a_trial_is_and_what_holds_in_it(paid: Scenario, plan: MadePlan) -> None:
    """Who is trying the plan, or has done so, reads no offer that is not for them."""
    lenient = paid.plan(policy="charge", allowance=100, said='trial_days = 7\ntrial_overage = "charge"')
    table = text_of(paid.client.get("/plans")).partition("Free trial")[2]
    assert "Length" in table
    columns = set(re.findall(r"<td[^>]*>\s*([^<]+?)\s*</td>", table))
    assert {"14 days", "7 days", "Counted at no cost", "Refused"} <= columns, (plan.key, lenient.key)
    org = paid.org().buys(plan)
    assert "Free trial" not in org.page("/plans")


@pytest.mark.parametrize("asked", ["events", "check"])
def test_a_refusal_in_a_trial_leads_to_another_plan(paid: Scenario, org: Org, plan: MadePlan, asked: str) -> None:
    """A trial of the plan refuses above its allowance. The plan itself would not, but it is no upgrade."""
    body = {"meter": plan.meter, "quantity": 101} | ({"id": "e1"} if asked == "events" else {})
    answer = paid.client.post(f"/api/v1/usage/{asked}", json=body, headers=org.key)
    assert answer.status_code == (429 if asked == "events" else 200)
    leads_to = urlsplit(answer.get_json()["upgrade_url"]).path
    assert leads_to.startswith(("/plans", "/billing/upgrade/"))
    assert plan.key not in leads_to


@pytest.mark.slow
def test_who_has_had_a_trial_is_told_so_and_offered_the_price(paid: Scenario, org: Org, plan: MadePlan) -> None:
    paid.stripe.client().v1.subscriptions.cancel(org.mirror.id)  # type: ignore[union-attr]
    paid.settle()
    page = org.page(f"/billing/upgrade/{plan.key}")
    assert "Your organisation has no free trial left" in page
    assert "Start 14-day trial" not in page
    assert "no free trial left" in org.page(f"/plans/{plan.key}")


def test_a_running_trial_says_until_when_and_what_happens_then(paid: Scenario, org: Org, plan: MadePlan) -> None:
    assert "Your trial runs until" in org.page(f"/billing/upgrade/{plan.key}")
    billing = org.page("/billing")
    assert "Your trial ends on" in billing
    assert "is then charged to your card, unless you cancel before" in billing
    assert "$49.00" in billing
    assert "trial from" in org.page("/dashboard")
    assert "Nothing changes until the end of your trial" in org.page("/billing/cancel")
    answer = org.reads("/subscription")
    assert (answer["state"], answer["trial_ends_at"]) == ("trialing", answer["period"]["end"])
    assert org.reads("/usage/current")["fee_due"] == 0


def test_a_refused_trial_has_a_page_that_says_nothing_was_charged(paid: Scenario, org: Org, plan: MadePlan) -> None:
    second = paid.org()
    second.opens(plan)
    second.pays()
    page = second.page(f"/billing/return?checkout={second.checkout_id}&session_id={second.session_id()}")
    assert "No trial of" in page
    assert "Nothing was charged" in page
    again = second.page(f"/billing/return?checkout={second.checkout_id}&session_id={second.session_id()}")
    assert "No trial of" in again
