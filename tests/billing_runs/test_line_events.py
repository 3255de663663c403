"""The events that a line names are what it was rated from: a person can do it by hand, and gets the line."""

from __future__ import annotations

import csv
import html
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.invoices.models import InvoiceLine
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import ends_and_closes, invoices, lines, on_pro
from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org

CALLS = "/billing/usage/lines/{}"


def read(org: Org, path: str) -> str:
    return html.unescape(text_of(org.browser("owner").get(path), 200))


def events_of(org: Org, line: InvoiceLine) -> list[dict[str, str]]:
    answer = org.browser().get(f"{CALLS.format(line.id)}/events.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def voids(org: Org, used: str) -> None:
    """Void the event of this quantity."""
    query = text("SELECT event_id FROM usage_events WHERE org_id = :org AND quantity = CAST(:used AS numeric)")
    event_id = org.session.scalar(query, {"org": org.id, "used": used})
    with transaction() as session:
        void_event(session, org.id, str(event_id), "Counted twice", actor=SYSTEM, now=org.now)


@pytest.mark.slow
def test_a_line_is_rated_by_hand_from_the_events_that_it_names(scenario: Scenario) -> None:
    """60,000.5 calls in three events, one of them voided, one imported: 50,000 are included, a cent each above that."""
    org = on_pro(scenario, 49_000)
    meter = org.plan.meter
    for used in ("11000.5", "500", "300"):
        org.uses(used, meter=meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    voids(org, "500")
    ends_and_closes(scenario, org)
    [line] = [line for line in lines(scenario, org) if line.amount]
    events = events_of(org, line)
    counted = sum(Decimal(event["quantity"]) for event in events if event["counted"] == "yes")
    assert counted == line.quantity == Decimal("60300.5")
    amount = (counted - 50_000) * Decimal("0.01")
    assert line.exact_amount == amount * 100
    assert {event["reason"] for event in events if event["counted"] == "no"} == {"voided"}
    page = read(org, CALLS.format(line.id))
    assert "The events counted come to exactly the quantity of this line." in page
    assert "60,300.5" in page
    assert f"${amount:,.2f}" in page
    [bill] = invoices(scenario, org)
    shown = read(org, f"/billing/invoices/{bill.id}")
    assert "$113.01" in shown  # the fee of $10.00, and $103.005 rounded
    assert "Paid" in shown
    assert f'href="{CALLS.format(line.id)}"' in shown
    assert org.browser("viewer").get(f"/billing/invoices/{bill.id}/explained.pdf").data.startswith(b"%PDF-")


@pytest.mark.slow
def test_late_usage_is_told_apart_from_what_was_counted_in_time(scenario: Scenario) -> None:
    org = on_pro(scenario, 50_000)
    used_at = f"{scenario.clock.at + timedelta(minutes=5):%Y-%m-%d %H:%M}"
    ends_and_closes(scenario, org)
    org.uses(70, meter=org.plan.meter, at=used_at)
    ends_and_closes(scenario, org)
    [first, late] = [line for line in lines(scenario, org) if line.quantity and line.meter_id]
    assert (first.kind, late.kind, late.quantity) == ("usage", "late", 70)
    assert [(event["counted"], event["reason"]) for event in events_of(org, first)] == [
        ("yes", ""), ("no", "recorded later"),
    ]  # fmt: skip
    assert [(event["counted"], event["reason"]) for event in events_of(org, late)] == [
        ("no", "on an earlier line"), ("yes", ""),
    ]  # fmt: skip
    assert "come to exactly the quantity" in read(org, CALLS.format(late.id))


def asks(org: Org, invoice_id: object, line: InvoiceLine, query: str = "", scopes: tuple[str, ...] = ()) -> Any:
    path = f"/api/v1/invoices/{invoice_id}/lines/{line.id}/events{query}"
    return org.scenario.client.get(path, headers=org.api(*scopes or ("billing:read", "usage:read")))


@pytest.mark.slow
def test_the_api_pages_through_the_same_events(scenario: Scenario) -> None:
    org = on_pro(scenario, 49_000)
    for used in ("11000", "500", "300"):
        org.uses(used, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    voids(org, "500")
    ends_and_closes(scenario, org)
    [line] = [line for line in lines(scenario, org) if line.amount]
    found, following = [], ""
    while True:
        page = asks(org, line.invoice_id, line, f"?limit=2{following}").json
        assert len(page["events"]) <= 2
        found += page["events"]
        if page["next"] is None:
            break
        following = f"&next={page['next']}"
    shown = [(each["id"], each["quantity"], "yes" if each["counted"] else "no", each["reason"] or "") for each in found]
    assert shown == [(row["id"], row["quantity"], row["counted"], row["reason"]) for row in events_of(org, line)]
    assert sum(Decimal(each["quantity"]) for each in found if each["counted"]) == line.quantity


@pytest.mark.slow
def test_a_lines_events_need_both_scopes_and_are_its_orgs_alone(scenario: Scenario) -> None:
    org = on_pro(scenario, 60_000)
    ends_and_closes(scenario, org)
    [line] = [line for line in lines(scenario, org) if line.amount]
    [bill] = invoices(scenario, org)
    assert asks(org, bill.id, line).status_code == 200
    for scope in ("billing:read", "usage:read"):
        assert asks(org, bill.id, line, scopes=(scope,)).json["code"] == "scope_missing"
    assert asks(scenario.org(), bill.id, line).status_code == 404
    assert asks(org, line.id, line).status_code == 404
    assert asks(org, bill.id, line, "?next=odd").status_code == 400
