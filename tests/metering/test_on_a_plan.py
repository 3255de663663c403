"""Metering on real plans: periods open by themselves, limits come from the plan, a check knows the price."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.models import Org
from tests.factories import MadePlan, bearer, have_default_plan, make_key, make_org, make_plan, subscribe

EVENTS = "/api/v1/usage/events"
CHECK = "/api/v1/usage/check"


def post(client: FlaskClient, key: str, url: str, body: object) -> Any:
    return client.post(url, json=body, headers=bearer(key))


def use(client: FlaskClient, key: str, plan: MadePlan, quantity: object) -> Any:
    return post(client, key, EVENTS, {"id": str(uuid4()), "meter": plan.meter, "quantity": quantity})


@pytest.fixture
def org(session: Session) -> Org:
    return make_org(session)


@pytest.mark.parametrize("batch", [False, True])
def test_an_org_without_a_subscription_is_metered_on_the_default_plan(
    session: Session, client: FlaskClient, org: Org, batch: bool
) -> None:
    plan, key = have_default_plan(session), make_key(session, org)
    event = {"id": "first", "meter": plan.meter}
    answer = post(client, key, EVENTS, {"events": [event]} if batch else event)
    assert answer.get_json() == {"recorded": 1, "duplicates": 0, "refused": []}
    row = session.execute(
        text(
            "SELECT e.plan_version_id, c.used FROM usage_events e JOIN usage_periods p ON p.org_id = e.org_id"
            " AND p.starts_at <= e.occurred_at AND p.ends_at > e.occurred_at JOIN usage_counters c ON"
            " c.org_id = e.org_id AND c.meter_id = e.meter_id AND c.period_start = p.starts_at WHERE e.org_id = :org"
        ),
        {"org": org.id},
    ).one()
    assert tuple(row) == (plan.version_id, 1)


def test_an_event_before_the_orgs_first_period_opens_the_one_in_which_it_happened(
    session: Session, client: FlaskClient, org: Org
) -> None:
    plan, key = have_default_plan(session), make_key(session, org)
    for at in ("2026-10-25T00:00:00Z", "2026-11-20T00:00:00Z"):
        answer = post(client, key, EVENTS, {"id": at, "meter": plan.meter, "occurred_at": at})
        assert answer.get_json()["recorded"] == 1
    months = session.execute(
        text("SELECT to_char(period_start, 'MM'), used FROM usage_counters WHERE org_id = :org ORDER BY 1"),
        {"org": org.id},
    )
    assert [tuple(row) for row in months] == [("10", 1), ("11", 1)]


def test_check_names_the_price_of_what_lies_above_the_allowance(
    session: Session, client: FlaskClient, org: Org
) -> None:
    plan, key = make_plan(session, allowance=10, policy="charge"), make_key(session, org)
    subscribe(session, org, plan)
    asked = {"meter": plan.meter, "quantity": 5}
    first = post(client, key, CHECK, asked).get_json()
    assert (first["allowed"], first["price"], first["next_unit_price"], first["currency"]) == (True, "0", "0", "USD")
    assert use(client, key, plan, 8).status_code == 200
    across = post(client, key, CHECK, asked).get_json()
    assert (across["price"], across["next_unit_price"]) == ("0.03", "0")
    assert use(client, key, plan, 8).status_code == 200
    above = post(client, key, CHECK, asked).get_json()
    assert (above["allowed"], above["price"], above["next_unit_price"]) == (True, "0.05", "0.01")


def test_under_block_a_check_that_does_not_fit_costs_nothing(session: Session, client: FlaskClient, org: Org) -> None:
    plan, key = make_plan(session, allowance=10), make_key(session, org)
    subscribe(session, org, plan)
    answer = post(client, key, CHECK, {"meter": plan.meter, "quantity": 11}).get_json()
    assert (answer["allowed"], answer["limit"], answer["remaining"]) == (False, "10", "10")
    assert answer["price"] in {None, "0"}  # None where the plan prices the meter in no currency


def test_the_window_of_a_plan_holds_on_both_paths(session: Session, client: FlaskClient, org: Org) -> None:
    plan, key = make_plan(session, allowance=100, per_day=5), make_key(session, org)
    subscribe(session, org, plan)
    assert use(client, key, plan, 3).status_code == 200
    batch = [{"id": str(uuid4()), "meter": plan.meter, "quantity": q} for q in (3, 2)]
    answer = post(client, key, EVENTS, {"events": batch}).get_json()
    assert (answer["recorded"], [each["index"] for each in answer["refused"]]) == (1, [0])
    refused = use(client, key, plan, 1)
    assert (refused.status_code, refused.get_json()["limit"]) == (429, "5")
    assert refused.get_json()["resets_at"] == "2026-11-22T00:00:00Z"
