"""A void reverses an event (rule 2.2): what it counted counts no more, and repeating it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.metering.corrections.void import void_event
from tests.factories import unique
from tests.metering.books import Books
from tests.metering.world import NOW, event
from tests.scenario import Scenario
from tests.scenario.org import Org


def send(org: Org, quantity: int = 1) -> str:
    name = unique("event")
    body = {"id": name, "meter": org_meter(org), "quantity": quantity}
    answer = org.scenario.client.post("/api/v1/usage/events", json=body, headers=org.key)
    assert answer.status_code == 200, answer.text
    return name


def org_meter(org: Org) -> str:
    return str(org.plan.meter)


def void(org: Org, name: str, *scopes: str, reason: str = "Counted twice") -> Any:
    headers = org.scenario.api(*(scopes or ("usage:correct",))) | {"Tollkeeper-Organization": str(org.id)}
    return org.scenario.client.post("/api/v1/usage/voids", json={"id": name, "reason": reason}, headers=headers)


@pytest.fixture
def blocked(scenario: Scenario) -> Org:
    """An org with ten units a month and not one more."""
    plan = scenario.plan(policy="block", allowance=10)
    org = scenario.org().on(plan)
    org.plan = plan
    return org


def used(org: Org) -> str:
    meters = {each["meter"]: each["used"] for each in org.reads("/usage/current")["meters"]}
    return str(meters[org_meter(org)])


def test_the_room_that_a_voided_event_took_is_free_again(blocked: Org) -> None:
    first, second = send(blocked, 4), send(blocked, 6)
    full = {"id": unique("full"), "meter": org_meter(blocked)}
    assert blocked.scenario.client.post("/api/v1/usage/events", json=full, headers=blocked.key).status_code == 429
    answer = void(blocked, first)
    assert answer.status_code == 200, answer.text
    assert (answer.json["quantity"], answer.json["again"], answer.json["closed"]) == ("4", False, False)
    assert used(blocked) == "6"
    send(blocked, 4)
    assert used(blocked) == "10"
    events = blocked.reads("/usage/events")["events"]
    assert [(each["quantity"], each["source"]) for each in events if each["source"] == "void"] == [("-4", "void")]
    assert second


def test_a_second_void_answers_the_first_and_the_id_stays_known(blocked: Org) -> None:
    name = send(blocked, 4)
    void(blocked, name)
    again = void(blocked, name, reason="Once more")
    assert (again.status_code, again.json["again"]) == (200, True)
    assert used(blocked) == "0"
    body = {"id": name, "meter": org_meter(blocked), "quantity": 4}
    answer = blocked.scenario.client.post("/api/v1/usage/events", json=body, headers=blocked.key)
    assert answer.json["duplicates"] == 1
    assert used(blocked) == "0"
    entries = select(AuditEntry).where(AuditEntry.org_id == blocked.id, AuditEntry.action == "usage.voided")
    assert len(list(blocked.scenario.session.scalars(entries))) == 1


def test_an_unknown_id_and_one_of_another_org_are_not_found(blocked: Org) -> None:
    name = send(blocked)
    other = blocked.scenario.org().with_period()
    assert void(blocked, "nobody-sent-this").status_code == 404
    assert void(other, name).status_code == 404
    assert used(blocked) == "1"


@pytest.mark.parametrize(("scope", "status"), [("admin:write", 200), ("usage:correct", 200), ("admin:read", 403)])
def test_only_staffs_keys_may_void(blocked: Org, scope: str, status: int) -> None:
    name = send(blocked)
    assert void(blocked, name, scope).status_code == status
    headers = blocked.api("usage:write", "usage:read", "billing:write")
    body = {"id": name, "reason": "mine"}
    assert blocked.scenario.client.post("/api/v1/usage/voids", json=body, headers=headers).status_code == 403


def test_usage_is_voided_for_400_days(blocked: Org) -> None:
    name = send(blocked)
    blocked.scenario.later(days=401)
    answer = void(blocked, name)
    assert (answer.status_code, answer.json["code"]) == (409, "void_too_old")


def put_away(books: Books, org: Any, name: str) -> Any:
    with books.transaction() as session:
        return void_event(session, org, name, "wrong", actor=SYSTEM, now=NOW)


def close(books: Books, org: Any) -> None:
    books.run(
        "UPDATE usage_periods SET currency = 'USD', closed_at = %s"
        " WHERE org_id = %s AND starts_at <= %s AND ends_at > %s RETURNING 1",
        (NOW, org, NOW, NOW),
    )


@pytest.mark.parametrize(("meter", "left"), [("t_max", 5), ("t_kinds", 1)])
def test_maxima_and_distinct_values_are_voided_once_the_period_is_closed(books: Books, meter: str, left: int) -> None:
    org = books.org()
    highest, other = event(meter, 9, kind="a"), event(meter, 5, kind="b")
    books.one(org, highest)
    books.one(org, other)
    with pytest.raises(Conflict) as refused:
        put_away(books, org, highest.id)
    assert refused.value.code == "period_open"
    close(books, org)
    assert put_away(books, org, highest.id).closed
    [(counted,)] = books.run("SELECT used FROM usage_counters WHERE org_id = %s", (org,))
    assert counted == left
    books.fold()
    assert books.differences(org) == []


@pytest.mark.parametrize("meter", ["t_sum", "t_count"])
def test_counters_and_rollups_agree_with_the_events_after_a_void(books: Books, meter: str) -> None:
    org = books.org()
    sent = [event(meter, quantity, kind="k") for quantity in (3, 4, 5)]
    for each in sent:
        books.one(org, each)
    books.fold()
    put_away(books, org, sent[1].id)
    books.fold()
    assert books.differences(org) == []
    [(counted,)] = books.run("SELECT used FROM usage_counters WHERE org_id = %s", (org,))
    assert counted == (8 if meter == "t_sum" else 2)


@pytest.mark.parametrize("reason", ["", "x" * 501, "a\0b"])
def test_a_reason_that_cannot_be_kept_is_refused_and_voids_nothing(blocked: Org, reason: str) -> None:
    name = send(blocked, 4)
    answer = void(blocked, name, reason=reason)
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] in {"reason", ""}  # NUL is refused before fields are read
    assert used(blocked) == "4"
