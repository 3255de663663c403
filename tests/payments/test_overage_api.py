"""Pay for overage through the API: the same press as the page's, for what the program has read."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import Org as OrgRow
from app.audit.models import AuditEntry
from tests.billing_runs.test_pay_for_overage import FREE, free, use
from tests.payments.test_billing_api import Caller, problem
from tests.scenario import Org, Scenario

__all__ = ["free"]
PATH = "/billing/overage"


def press(call: Caller) -> dict[str, object]:
    """What a program sends that agrees to what it has read."""
    read = call("GET", PATH).json
    return {"on": True, "version_id": read["terms"]["version_id"], "payment_method_id": read["payment_method_id"]}


def test_what_is_agreed_to_is_read_with_prices_limits_and_card(free: Org) -> None:
    read = Caller(free)("GET", PATH).json
    assert (read["on"], read["since"], read["lapsed"]) == (False, None, False)
    assert (read["payment_method"]["brand"], read["payment_method"]["last4"]) == ("visa", "4242")
    assert read["payment_method_id"].startswith("pm_")
    assert (read["terms"]["currency"], read["terms"]["refusal"]) == ("USD", None)
    [meter] = read["terms"]["meters"]
    assert (meter["meter"], meter["allowance"], meter["hard_limit"]) == ("api_calls", "1000", None)
    assert (meter["charge"]["model"], meter["charge"]["properties"]) == ("per_unit", {"unit_amount": "0.01"})


@pytest.mark.slow
def test_it_is_switched_on_and_off_and_repeating_changes_nothing(scenario: Scenario, free: Org) -> None:
    use(free, FREE)
    call = Caller(free)
    body = press(call)
    first, again = call("PUT", PATH, body), call("PUT", PATH, body)
    assert (first.status_code, first.json["on"], first.json["since"]) == (200, True, "2026-11-10T09:00:00Z")
    assert again.json == first.json == call("GET", PATH).json
    assert call("GET", "/billing").json["pays_for_overage"]
    assert free.may_use(1)
    for _ in range(2):
        assert call("PUT", PATH, {"on": False}).json["on"] is False
    assert not free.may_use(1)
    query = select(AuditEntry.action).where(AuditEntry.org_id == free.id, AuditEntry.action.startswith("overage."))
    assert sorted(scenario.session.scalars(query)) == ["overage.switched_off", "overage.switched_on"]


def test_what_was_not_read_is_not_agreed_to(scenario: Scenario, free: Org) -> None:
    call = Caller(free)
    body = press(call)
    another = {"version_id": str(scenario.plan().version_id), "payment_method_id": "pm_another"}
    for field, value in another.items():
        assert problem(call("PUT", PATH, {**body, field: value})) == (409, "conflict")
    for field in another:
        refused = call("PUT", PATH, {**body, field: None})
        assert problem(refused) == (400, "invalid_request")
        assert [each["field"] for each in refused.json["errors"]] == [field]
    assert not call("GET", "/billing").json["pays_for_overage"]


def test_without_a_card_or_for_a_suspended_organisation_it_is_refused(scenario: Scenario, free: Org) -> None:
    scenario.default_plan()
    other = Caller(scenario.org())
    assert other("GET", PATH).json["payment_method_id"] is None
    assert problem(other("PUT", PATH, {**press(other), "payment_method_id": "pm_1"})) == (409, "conflict")
    call = Caller(free)
    body = press(call)
    scenario.session.get_one(OrgRow, free.id).suspended_at = free.now
    scenario.session.commit()
    assert problem(call("PUT", PATH, body)) == (403, "org_suspended")


def test_on_a_plan_with_a_fee_there_is_nothing_to_agree_to(scenario: Scenario) -> None:
    call = Caller(scenario.org().on(scenario.plan(policy="charge")))
    read = call("GET", PATH).json
    assert (read["on"], read["terms"]) == (False, None)
    body = {"on": True, "version_id": str(scenario.plan().version_id), "payment_method_id": "pm_1"}
    assert problem(call("PUT", PATH, body)) == (409, "conflict")


@pytest.mark.parametrize(("method", "needs"), [("GET", "billing:read"), ("PUT", "billing:write")])
def test_reading_and_switching_need_their_scopes(free: Org, method: str, needs: str) -> None:
    others = {"billing:read", "billing:write", "usage:read", "usage:write"} - {needs}
    body = {"on": False} if method == "PUT" else None
    assert problem(Caller(free, *others)(method, PATH, body)) == (403, "scope_missing")
