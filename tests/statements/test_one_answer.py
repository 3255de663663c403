"""Whatever decides about an org, every page, call and file names the same cap, use and cost (rules 2.3 and 2.5)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest

from app.kit.actor import SYSTEM
from app.kit.money import round_half_away
from app.kit.periods import boundary
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import Event
from app.subscriptions import payment_restriction
from app.web.database import transaction
from tests import factories
from tests.factories import MadePlan
from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.today import NOON

D = Decimal
SECOND = timedelta(seconds=1)
AT = f"{NOON:%Y-%m-%d %H:%M}"


class Answer(NamedTuple):
    """What must be said of a meter: its key, cap and source, what is used and imported, the cost in cents."""

    meter: str
    cap: int | None
    source: str
    used: int
    cost: int
    imported: int = 0


def on_a_plan(scenario: Scenario, **terms: object) -> tuple[Org, str]:
    plan = scenario.plan(**terms)
    return scenario.org().on(plan), plan.meter


def restricted(scenario: Scenario) -> tuple[Org, Answer]:
    """Free allows 1,000; what Pro includes is not owed."""
    org = scenario.org().on("pro").uses(20_000, at=AT)
    with transaction() as session:
        payment_restriction.restrict(session, org.id, org.now, actor=SYSTEM)
    return org, Answer("api_calls", 1_000, "restriction", 20_000, 0)


def restricted_and_over(scenario: Scenario) -> tuple[Org, Answer]:
    """A restriction changes nothing that is owed already."""
    org = scenario.org().on("pro").uses(50_100, at=AT)
    with transaction() as session:
        payment_restriction.restrict(session, org.id, org.now, actor=SYSTEM)
    return org, Answer("api_calls", 1_000, "restriction", 50_100, 100)


def overridden(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="charge", allowance=10)
    org.agrees(f"allowance:{meter}", "20").agrees(f"hard_limit:{meter}", "40")
    return org.uses(30, meter=meter, at=AT), Answer(meter, 40, "override", 30, 10)


def cheaper(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="charge", allowance=10)
    org.agrees(f"overage_price:{meter}", "0.005")
    return org.uses(30, meter=meter, at=AT), Answer(meter, None, "plan", 30, 10)


def with_imports(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="charge", allowance=10, hard_limit=60)
    at = factories.utc(AT)
    brought = Event(id="brought", meter=meter, quantity=msgspec.Raw(b"500"), occurred_at=at)
    terms = BatchTerms("import", billable=False, limited=False)
    record_batch(get_usage_recorder(), org.id, [brought], key_id=None, now=org.now, terms=terms)
    return org.uses(15, meter=meter, at=AT), Answer(meter, 60, "plan", 15, 5, imported=500)


MINIMUM = 500_000


def share_of_minimum(org: Org) -> int:
    """What a period that began now owes of the minimum: by the second, out of a month from now."""
    ends = datetime.fromisoformat(org.reads("/usage/current")["period"]["end"])
    whole = boundary(org.now, 1, "UTC") - org.now
    return round_half_away(D(MINIMUM * min((ends - org.now) // SECOND, whole // SECOND)) / (whole // SECOND))


def below_a_minimum(scenario: Scenario) -> tuple[Org, Answer]:
    """Ten above the allowance at a cent each, and a minimum of $5,000."""
    org, meter = on_a_plan(scenario, policy="charge", allowance=10, charged='minimum = "5000"')
    return org.uses(20, meter=meter, at=AT), Answer(meter, None, "plan", 20, share_of_minimum(org))


def divided(scenario: Scenario) -> tuple[Org, Answer]:
    """21 above the allowance, in tens: three at a cent each."""
    org, meter = on_a_plan(scenario, policy="charge", allowance=10, charged='divide_by = 10\nround = "up"')
    return org.uses(31, meter=meter, at=AT), Answer(meter, None, "plan", 31, 3)


def not_collected(scenario: Scenario) -> tuple[Org, Answer]:
    """On Free a call above 1,000 has a price, and nobody to collect it."""
    scenario.default_plan()
    org = scenario.org().uses(1_000, at=AT)
    return org, Answer("api_calls", 1_000, "not_collected", 1_000, 0)


def on_an_old_version(scenario: Scenario) -> tuple[Org, Answer]:
    """What is sold today includes less."""
    made: MadePlan = scenario.plan(policy="charge", allowance=10, hard_limit=40)
    org = scenario.org().on(made).uses(15, meter=made.meter, at=AT)
    factories.publish_again(scenario.session, made, allowance=3)
    return org, Answer(made.meter, 40, "plan", 15, 5)


def at_a_hard_limit(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="charge", allowance=10, hard_limit=50)
    return org.uses(50, meter=meter, at=AT), Answer(meter, 50, "plan", 50, 40)


def at_a_windows_limit(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="charge", allowance=10, per_day=12)
    assert org.reports(12, meter) == 200
    return org, Answer(meter, None, "plan", 12, 2)


def warned(scenario: Scenario) -> tuple[Org, Answer]:
    org, meter = on_a_plan(scenario, policy="warn", allowance=10)
    return org.uses(30, meter=meter, at=AT), Answer(meter, None, "plan", 30, 0)


def plain_text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def running_month(page: str, plan: str) -> str:
    """What the replay says the running month costs on a plan."""
    row = page.partition("Running month, expected")[2].partition("</tr>")[0]
    return row.partition(f'data-label="{plan}" class="num">')[2].partition("<")[0]


CASES = [below_a_minimum, divided, restricted, restricted_and_over, overridden, cheaper, with_imports, not_collected,
         on_an_old_version, at_a_hard_limit, at_a_windows_limit, warned]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_page_and_call_names_one_cap_one_use_and_one_cost(
    scenario: Scenario, case: Callable[[Scenario], tuple[Org, Answer]]
) -> None:
    org, expected = case(scenario)
    meter = {each["meter"]: each for each in org.reads("/usage/current")["meters"]}[expected.meter]
    cap = None if expected.cap is None else str(expected.cap)
    assert (meter["cap"], meter["cap_source"]) == (cap, expected.source)
    assert (meter["used"], meter["imported"]) == (str(expected.used), str(expected.imported))
    assert (meter["cost"], org.reads("/usage/current")["usage_cost"]) == (expected.cost, expected.cost)

    granted = {each["meter"]: each for each in org.reads("/limits")["meters"]}[expected.meter]
    assert (granted["cap"], granted["source"]) == (cap, expected.source)

    body = {"meter": expected.meter, "quantity": 1}
    check = scenario.client.post("/api/v1/usage/check", json=body, headers=org.key).get_json()
    full = case is at_a_windows_limit or (expected.cap is not None and expected.used >= expected.cap)
    assert check["allowed"] is not full
    if check["span"] == "period":
        assert (check["limit"], check["used"]) == (cap, str(expected.used))

    month = org.reads("/usage/history?months=1")["months"][0]
    assert sum(amount["amount"] for amount in month["usage_cost"]) == expected.cost
    whole = expected.used + expected.imported  # what happened, whoever pays for it
    assert {each["meter"]: each["used"] for each in month["meters"]}[expected.meter] == str(whole)

    days = csv.DictReader(io.StringIO(org.page(f"/usage.csv?meter={expected.meter}&by=day").lstrip("\ufeff")))
    assert sum(D(row["quantity"]) for row in days) == whole

    plan, cost = org.reads("/usage/current")["plan"], None
    for page in (org.page("/dashboard"), text_of(scenario.staff().get(f"/admin/orgs/{org.id}"))):
        bar = plain_text(page.partition(f'id="meter-{expected.meter}"')[2].partition("Resets")[0])
        assert f" {expected.used:,} of " in bar
        assert ("Refused" in bar) is (expected.cap is not None)
        assert expected.cap is None or f"Refused above {expected.cap:,}." in bar or f"of {expected.cap:,} " in bar
        assert "All fine." not in page or not full
        cost = f"${(plan['fee'] + expected.cost) / D(100):,.2f}"
        assert cost in plain_text(page.partition("Cost so far")[2])[:20] or "Cost so far" not in page
    if not expected.imported:  # which a replay prices, and nobody owes
        expected_cost = org.reads("/usage/current")["projected_cost"] / D(100)
        assert running_month(org.page("/plans"), plan["name"]).startswith(f"${expected_cost:,.2f}")


def test_a_minimum_is_owed_without_use_in_the_running_period_and_in_the_history(scenario: Scenario) -> None:
    org, _ = on_a_plan(scenario, policy="charge", allowance=10, charged='minimum = "5000"')
    owed = share_of_minimum(org)
    assert org.reads("/usage/current")["usage_cost"] == owed > 0
    assert org.reads("/usage/history?months=1")["months"][0]["usage_cost"] == [{"currency": "USD", "amount": owed}]


def test_the_plans_page_and_the_limits_speak_of_the_version_that_one_is_on(scenario: Scenario) -> None:
    made: MadePlan = scenario.plan(policy="charge", allowance=10)
    org = scenario.org().on(made).uses(15, meter=made.meter, at=AT)
    factories.publish_again(scenario.session, made, allowance=3)
    assert org.reads("/limits")["plan"]["version"] == 1
    assert {each["meter"]: each["allowance"] for each in org.reads("/limits")["meters"]}[made.meter] == "10"
    page = org.page(f"/plans/{made.key}")
    assert "You are on this plan" in page
    assert org.reads("/usage/current")["usage_cost"] == 5


def test_a_cost_in_one_currency_is_not_added_to_a_price_in_another(scenario: Scenario) -> None:
    """100 calls above Pro at half a cent come to 50 cents in dollars; in euros they cost what the plan says there."""
    org = scenario.org().on("pro").agrees("overage_price:api_calls", "0.005").uses(50_100, at=AT)

    assert running_month(org.page("/plans?currency=USD"), "Pro") == "$49.50"
    in_euros = running_month(org.page("/plans?currency=EUR"), "Pro")
    assert in_euros.startswith("€")
    assert not in_euros.endswith(".50")
