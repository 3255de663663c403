"""The late-event statement: what came after a period was closed, and how it was billed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.billing_runs.test_credit_notes import billed, next_month, notes, use, void
from tests.scenario import Scenario
from tests.scenario.org import Org

PAGE, FILE = "/billing/usage/late", "/billing/usage/late-usage.csv"


def statement(org: Org, query: str = "") -> Any:
    answer = org.scenario.client.get(f"/api/v1/invoices/late-usage{query}", headers=org.api("billing:read"))
    assert answer.status_code == 200, answer.text
    return answer.get_json()


@pytest.mark.slow
def test_page_file_and_api_say_how_late_usage_was_billed(scenario: Scenario) -> None:
    org = billed(scenario)
    assert statement(org) == {"events": [], "next": None}
    assert "No late usage" in org.page(PAGE)
    use(org, 500, scenario.clock.at - timedelta(days=20), "late")
    [waits] = statement(org)["events"]
    assert (waits["id"], waits["quantity"], waits["line"], waits["amount"]) == ("late", "500", None, None)
    assert waits["standing"] == "Settled when the current usage period is closed"
    next_month(scenario, org)
    scenario.later(minutes=1)
    void(org, "extra")
    next_month(scenario, org)
    late, correction = sorted(statement(org)["events"], key=lambda each: each["voids"] or "")
    number = scenario.stripe.objects("invoice", customer=org.customer_id, total=500)[0]["number"]
    assert (late["amount"], late["invoice_number"], late["standing"]) == (500, number, f"Invoice {number}")
    [note] = notes(scenario)
    facts = ("voids", "quantity", "reason", "amount", "credit_note")
    assert [correction[name] for name in facts] == ["extra", "-300", "a retry", -300, note["number"]]
    page, file = org.page(PAGE), org.page(FILE)
    for words in ("Voided: a retry", f"Credit note {note['number']}", f"Invoice {number}", "$5.00"):
        assert words in page
    assert note["number"] in file
    assert number in file
    first = statement(org, "?limit=1")
    assert [len(first["events"]), len(statement(org, f"?limit=1&next={first['next']}")["events"])] == [1, 1]


def test_nobody_reads_another_orgs_late_usage(scenario: Scenario) -> None:
    org = billed(scenario)
    use(org, 500, scenario.clock.at - timedelta(days=20), "late")
    other = scenario.org()
    assert statement(other)["events"] == []
    assert "No late usage" in other.page(PAGE)
