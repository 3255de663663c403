"""The billing calls, as a program makes them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.web.idempotency import IdempotencyKey
from tests import factories
from tests.payments.plan_changes.test_confirm import push
from tests.scenario import Org, Scenario


class Caller:
    """A program with a key of an org."""

    def __init__(self, org: Org, *scopes: str) -> None:
        self.client = org.scenario.client
        self.headers = org.api(*scopes or ("billing:read", "billing:write"))

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers={**self.headers, **more})


def choice(plan: factories.MadePlan, **changed: str) -> dict[str, str]:
    return {"plan": plan.key, "currency": "USD", **changed}


def problem(answer: Any) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.json["code"]


def test_a_free_org_reads_the_free_plan(scenario: Scenario) -> None:
    default = scenario.default_plan()
    call = Caller(scenario.org())
    assert call("GET", "/subscription").json == {
        "plan": {"key": default.key, "name": "Free", "version": 1}, "newest_version": 1, "state": "active",
        "collection": "none",
        "interval": None, "currency": None, "fee": 0, "started_at": None, "period": None,
        "cancel_at_period_end": False, "ends_at": None, "trial_ends_at": None, "limited": False, "overdue": None,
        "planned_change": None, "pending_change": None,
    }  # fmt: skip
    billing = call("GET", "/billing").json
    assert (billing["payment_method"], billing["next_invoice"]) == (None, None)
    assert call("GET", "/billing/history").json == {"records": [], "events": [], "next": None}
    assert scenario.stripe.calls == []


def test_an_org_that_we_invoice_reads_its_plan_and_its_fee(scenario: Scenario) -> None:
    plan = scenario.plan()
    org = scenario.org().on(plan, interval="year")
    call = Caller(org)
    found = call("GET", "/subscription").json
    assert (found["plan"]["key"], found["collection"], found["interval"], found["fee"]) == (
        plan.key, "offline", "year", 10000,
    )  # fmt: skip
    assert found["period"] == {"start": "2026-11-21T12:00:00Z", "end": "2027-11-21T12:00:00Z"}
    assert call("GET", "/billing").json["next_invoice"] == {
        "at": "2027-11-21T12:00:00Z", "amount": 10000, "currency": "USD", "exact": False,
    }  # fmt: skip
    assert problem(call("DELETE", "/subscription")) == (409, "conflict")
    assert scenario.stripe.calls == []


@pytest.mark.slow
def test_a_plan_is_bought_read_cancelled_and_taken_back(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    call = Caller(org)
    asked = call("POST", "/subscription", choice(plan))
    assert (asked.status_code, asked.json["applied"]) == (202, False)
    assert call("POST", "/subscription", choice(plan)).json == asked.json
    scenario.stripe.pay(asked.json["checkout_url"])
    assert call("POST", "/subscription", choice(plan)).json == {
        "applied": True, "checkout_url": None, "checkout_id": None, "takes_effect_at": None,
    }  # fmt: skip
    org.has_paid_once_for(plan)
    billing = call("GET", "/billing").json
    assert (billing["subscription"]["state"], billing["subscription"]["fee"]) == ("active", 1000)
    assert billing["payment_method"] == {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034}
    assert (billing["next_invoice"]["amount"], billing["next_invoice"]["exact"]) == (1000, True)
    ended = call("DELETE", "/subscription")
    assert (ended.status_code, ended.json["cancel_at_period_end"]) == (200, True)
    assert ended.json["ends_at"] == ended.json["period"]["end"]
    assert call("DELETE", "/subscription").json == ended.json
    assert call("GET", "/billing").json["next_invoice"] is None
    assert call("POST", "/subscription", choice(plan)).status_code == 200
    assert call("GET", "/subscription").json["cancel_at_period_end"] is False
    kinds = [each["kind"] for each in call("GET", "/billing/history").json["events"]]
    assert set(kinds) == {"started", "cancel_planned", "cancel_undone"}
    other = scenario.plan(sold=("USD", "20.00", "200.00"))
    assert problem(call("POST", "/subscription", choice(other))) == (503, "unavailable")  # has no price at Stripe yet
    push(org, other)
    assert problem(call("POST", "/subscription", choice(other))) == (409, "conflict")


@pytest.mark.slow
def test_the_history_comes_by_page_and_by_filter(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    for _ in range(2):
        scenario.renew()
    call = Caller(org)
    every = call("GET", "/billing/history").json
    assert [each["state"] for each in every["records"]] == ["completed"] * 3
    assert [each["reason"] for each in every["records"]][-1] == "subscription_start"
    assert all(each["invoice_number"] for each in every["records"])
    first = call("GET", "/billing/history?limit=2").json
    second = call("GET", f"/billing/history?limit=2&next={first['next']}").json
    assert first["records"] + second["records"] == every["records"]
    assert (second["next"], second["events"]) == (None, [])
    assert len(first["events"]) == 3
    assert call("GET", "/billing/history?state=failed").json["records"] == []
    until = call("GET", "/billing/history?to=2026-11-30T00:00:00Z").json
    assert [each["reason"] for each in until["records"]] == ["subscription_start"]
    assert [each["kind"] for each in until["events"]] == ["started"]
    stranger = Caller(scenario.org())
    assert stranger("GET", "/billing/history").json["records"] == []


@pytest.mark.parametrize("query", ["next=nope", "next=WyJhIiwiYiJd", "from=2026-11-30", "from=2026-11-30T00:00:00",
                                   "state=odd", "limit=0", "x=1"])  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(scenario: Scenario, query: str) -> None:
    assert problem(Caller(scenario.org())("GET", f"/billing/history?{query}")) == (400, "invalid_request")


def test_the_same_idempotency_key_gives_the_same_page_and_another_body_is_refused(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    call = Caller(org)
    first = call("POST", "/subscription", choice(plan), Idempotency_Key="k1")
    again = call("POST", "/subscription", choice(plan), Idempotency_Key="k1")
    assert (first.status_code, again.status_code, again.json) == (202, 202, first.json)
    assert ("Idempotent-Replayed" in first.headers, "Idempotent-Replayed" in again.headers) == (False, True)
    other = call("POST", "/subscription", choice(plan, interval="year"), Idempotency_Key="k1")
    assert problem(other) == (409, "idempotency_conflict")
    assert len(scenario.sessions()) == 1
    scenario.session.rollback()
    [kept] = scenario.session.scalars(select(IdempotencyKey).where(IdempotencyKey.owner_id == org.id))
    assert kept.body is None  # the page's address is a credential


def test_a_call_that_failed_frees_its_idempotency_key(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    call = Caller(org)
    assert problem(call("POST", "/subscription", {"plan": "nope", "currency": "USD"}, Idempotency_Key="k1")) == (
        404,
        "not_found",
    )
    assert call("POST", "/subscription", choice(plan), Idempotency_Key="k1").status_code == 202


def test_the_card_is_changed_on_a_page_of_stripes(scenario: Scenario) -> None:
    call = Caller(scenario.org().paying())
    first = call("POST", "/billing/payment-method", {}, Idempotency_Key="k1")
    again = call("POST", "/billing/payment-method", {}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json["url"].startswith(scenario.stripe.url)
    assert first.json["url"] != again.json["url"]


def test_the_first_card_is_saved_on_one_page_of_stripes_however_often_it_is_asked_for(scenario: Scenario) -> None:
    """P14"""
    call = Caller(scenario.org())
    first, again = (call("POST", "/billing/payment-method", {}).json["url"] for _ in range(2))
    assert first == again
    assert scenario.stripe.pay(first).location


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [("GET", "/subscription", "billing:read"), ("POST", "/subscription", "billing:write"),
     ("DELETE", "/subscription", "billing:write"), ("GET", "/billing", "billing:read"),
     ("POST", "/billing/payment-method", "billing:write"), ("GET", "/billing/history", "billing:read")],
)  # fmt: skip
def test_each_call_needs_its_scope(scenario: Scenario, method: str, path: str, needs: str) -> None:
    others = tuple(each for each in factories.ALL_SCOPES if each != needs)
    body = {"plan": "x", "currency": "USD"} if path == "/subscription" else {}
    answer = Caller(scenario.org(), *others)(method, path, body if method == "POST" else None)
    assert problem(answer) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"plan": "", "currency": "USD"}, "plan"), ({"plan": "x", "currency": "usd"}, "currency"),
     ({"plan": "x", "currency": "USD", "interval": "week"}, "interval"),
     ({"plan": "x", "currency": "USD", "price": 1}, "price")],
)  # fmt: skip
def test_a_body_that_cannot_be_read_names_its_field(scenario: Scenario, body: dict[str, Any], field: str) -> None:
    answer = Caller(scenario.org())("POST", "/subscription", body)
    assert problem(answer) == (400, "invalid_request")
    assert [each["field"] for each in answer.json["errors"]] == [field]


def test_payments_off_and_stripe_away_are_answers_of_their_own(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    call = Caller(org)
    scenario.stripe.fail("reset_before", times=2)
    away = call("POST", "/subscription", choice(plan))
    assert problem(away) == (503, "outcome_unknown")
    assert away.headers["Retry-After"]
    scenario.app.extensions["tollkeeper.stripe"] = None
    for method, path, body in [("POST", "/subscription", choice(plan)), ("POST", "/billing/payment-method", {}),
                               ("DELETE", "/subscription", None)]:  # fmt: skip
        assert problem(call(method, path, body)) == (503, "payments_off")
    assert call("GET", "/billing").status_code == 200


def test_billing_is_told_without_stripe_too(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    scenario.stripe.fail("503", times=9)
    found = Caller(org)("GET", "/billing")
    assert found.status_code == 200
    assert (found.json["next_invoice"]["amount"], found.json["next_invoice"]["exact"]) == (1000, False)


@pytest.mark.slow
def test_an_overdue_payment_is_told_with_the_day_the_limits_fall(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    org.past_due()
    found = Caller(org)("GET", "/subscription").json
    assert (found["state"], found["limited"]) == ("past_due", False)
    assert (found["overdue"]["amount"], found["overdue"]["currency"]) == (1000, "USD")
    assert found["overdue"]["limits_fall_at"] > found["overdue"]["since"]
