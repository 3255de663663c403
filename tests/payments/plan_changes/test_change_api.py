"""A change of plan as a program makes it: preview, quote, change, and every answer on the way."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog.queries import find_version
from app.payments.gateway import get_gateway
from app.payments.price_push.price_selection import list_paid_prices
from app.payments.price_push.push import ensure_price
from app.web.database import transaction
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import push
from tests.payments.plan_changes.test_planned import nearly_free
from tests.payments.test_billing_api import Caller, problem
from tests.scenario import Org, Scenario

Made = tuple[Org, MadePlan, Caller]


@pytest.fixture
def made(scenario: Scenario) -> Made:
    """An org halfway through a month of a plan for 10.00, a plan for 40.00, and a program."""
    org = scenario.org().paying(scenario.plan())
    dearer = scenario.plan(sold=("USD", "40.00", "400.00"))
    with transaction() as session:
        version = find_version(session, dearer.version_id)
        assert version is not None
        prices = list_paid_prices(version)
    for price in prices:
        ensure_price(get_gateway(), price, org.now)
    scenario.later(days=15)
    return org, dearer, Caller(org)


def wanted(plan: MadePlan | None, **changed: Any) -> dict[str, Any]:
    assert plan is not None
    return {"plan": plan.key, "currency": "USD", **changed}


@pytest.mark.slow
def test_a_quote_is_previewed_and_taken(made: Made, scenario: Scenario) -> None:
    org, dearer, call = made
    shown = call("POST", "/subscription/preview", wanted(dearer)).json
    assert (shown["timing"], shown["reason"], shown["amount_due"], shown["usage_owed"]) == ("at_once", None, 1500, 0)
    assert [line["amount"] for line in shown["lines"]] == [-500, 2000]
    assert shown["next_payment"]["amount"] == 4000
    assert org.plan is not None
    assert org.plan_version == org.plan.version_id
    body = wanted(dearer, quote=shown["quote"])
    done = call("POST", "/subscription", body, Idempotency_Key="one")
    assert (done.status_code, done.json["applied"], done.json["checkout_url"]) == (200, True, None)
    assert call("POST", "/subscription", body, Idempotency_Key="one").json == done.json
    assert call("POST", "/subscription", body).status_code == 200
    assert org.plan_version == dearer.version_id
    assert sorted(each["amount"] for each in scenario.stripe.objects("charge") if each["paid"]) == [1000, 1500]
    assert call("GET", "/subscription").json["fee"] == 4000
    kinds = [each["kind"] for each in call("GET", "/billing/history").json["events"]]
    assert "upgraded" in kinds


def test_without_a_quote_nothing_is_changed(made: Made) -> None:
    _, dearer, call = made
    assert problem(call("POST", "/subscription", wanted(dearer))) == (409, "conflict")


@pytest.mark.slow
def test_a_quote_that_ended_comes_with_a_new_one(made: Made, scenario: Scenario) -> None:
    _, dearer, call = made
    shown = call("POST", "/subscription/preview", wanted(dearer)).json
    scenario.later(hours=1)
    late = call("POST", "/subscription", wanted(dearer, quote=shown["quote"]))
    assert problem(late) == (409, "quote_expired")
    assert late.json["amount_due"] < 1500
    assert call("POST", "/subscription", wanted(dearer, quote=late.json["quote"])).status_code == 200


def test_a_quote_is_for_one_plan(made: Made) -> None:
    org, dearer, call = made
    shown = call("POST", "/subscription/preview", wanted(dearer)).json
    assert problem(call("POST", "/subscription", wanted(org.plan, quote=shown["quote"]))) == (400, "invalid_request")
    assert problem(call("POST", "/subscription", wanted(dearer, quote="x.y"))) == (409, "quote_expired")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("card", "status"), [("pm_card_chargeCustomerFail", 402), ("pm_card_authenticationRequired", 202)]
)
def test_a_card_that_does_not_pay_at_once(made: Made, scenario: Scenario, card: str, status: int) -> None:
    org, dearer, call = made
    org.with_card(card)
    chosen = scenario.stripe.objects("customer", id=org.customer_id)[0]["invoice_settings"]["default_payment_method"]
    theirs = scenario.stripe.objects("subscription")[0]["id"]
    scenario.stripe.client().v1.subscriptions.update(theirs, {"default_payment_method": chosen})
    scenario.settle()
    shown = call("POST", "/subscription/preview", wanted(dearer)).json
    answer = call("POST", "/subscription", wanted(dearer, quote=shown["quote"]))
    assert answer.status_code == status
    assert call("GET", "/subscription").json["pending_change"]["pay_url"].startswith(scenario.stripe.url)
    assert answer.json["pay_url" if status == 402 else "checkout_url"].startswith(scenario.stripe.url)
    again = call("POST", "/subscription/preview", wanted(dearer)).json
    assert (again["timing"], again["reason"], again["quote"]) == ("first", "pending_update", None)


def test_what_is_not_at_once_has_no_quote(made: Made, scenario: Scenario) -> None:
    org, dearer, call = made
    lower = scenario.plan(sold=("USD", "5.00", "50.00"))
    shown = call("POST", "/subscription/preview", wanted(lower)).json
    assert (shown["timing"], shown["quote"]) == ("at_period_end", None)
    same = call("POST", "/subscription/preview", wanted(org.plan)).json
    assert (same["timing"], same["reason"]) == ("refused", "same")
    assert problem(call("POST", "/subscription/preview", wanted(dearer, currency="EUR"))) == (400, "invalid_request")


@pytest.mark.slow
def test_a_lower_plan_is_planned_read_and_undone(made: Made, scenario: Scenario) -> None:
    org, dearer, call = made
    lower = scenario.plan(sold=("USD", "5.00", "50.00"))
    push(org, lower)
    end = call("GET", "/subscription").json["period"]["end"]
    for _ in range(2):
        done = call("POST", "/subscription", wanted(lower))
        assert (done.status_code, done.json["applied"], done.json["takes_effect_at"]) == (200, False, end)
    found = call("GET", "/subscription").json["planned_change"]
    assert (found["plan"]["key"], found["interval"], found["at"]) == (lower.key, "month", end)
    instead = call("POST", "/subscription/preview", wanted(dearer)).json
    assert (instead["timing"], instead["next_payment"]["amount"]) == ("at_once", 4000)
    lowest = scenario.plan(sold=("USD", "3.00", "30.00"))
    push(org, lowest)
    for plan in (lowest, lower):
        assert call("POST", "/subscription", wanted(plan)).json["takes_effect_at"] == end
        assert call("GET", "/subscription").json["planned_change"]["plan"]["key"] == plan.key
    assert call("POST", "/subscription", wanted(org.plan)).status_code == 200
    assert call("GET", "/subscription").json["planned_change"] is None
    call("POST", "/subscription", wanted(lower))
    ended = call("DELETE", "/subscription").json
    assert (ended["planned_change"], ended["cancel_at_period_end"]) == (None, True)


@pytest.mark.slow
def test_more_credit_than_charge_is_planned_as_the_preview_says(made: Made, scenario: Scenario) -> None:
    _, dearer, call = made
    nearly_free(scenario)
    shown = call("POST", "/subscription/preview", wanted(dearer)).json
    assert (shown["timing"], shown["reason"], shown["quote"]) == ("at_period_end", "credit", None)
    done = call("POST", "/subscription", wanted(dearer))
    assert (done.status_code, done.json["applied"]) == (200, False)
    assert call("GET", "/subscription").json["planned_change"]["plan"]["key"] == dearer.key


def test_who_pays_nothing_yet_is_told_the_first_payment(scenario: Scenario) -> None:
    plan, call = scenario.plan(), Caller(scenario.org())
    shown = call("POST", "/subscription/preview", wanted(plan)).json
    assert (shown["timing"], shown["quote"], shown["total"]) == ("checkout", None, 1000)
