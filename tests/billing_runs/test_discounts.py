"""Discounts and usage (rule 2.7): off the fee alone, unless the plan says `discount_usage`. Fault U2 with a coupon."""

from __future__ import annotations

from typing import Any

import pytest

from app.payments.cli import background_gateway
from tests.billing_runs.test_close import ends_and_closes, invoices, lines, manual, renewals, run
from tests.billing_runs.test_credit_notes import balanced, leaves, next_month, notes, ours, use, void
from tests.scenario import Scenario
from tests.scenario.org import Org

PRO = ("USD", "49.00", "490.00")


def on_plan(scenario: Scenario, calls: int, said: str = "", interval: str = "month") -> Org:
    """An org on a plan like Pro: $49 with 50,000 calls, a cent each above them."""
    org, plan = scenario.org(), scenario.plan(policy="charge", allowance=50_000, sold=PRO, said=said)
    with background_gateway():
        opened = org.opens(plan, interval)
        org.pays(opened)
        org.returns(opened)
    scenario.stripe.lose()
    scenario.later(days=1)
    return org.uses(calls, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


def discounted(scenario: Scenario, org: Org, *coupons: dict[str, Any]) -> None:
    """Coupons are put on its subscription."""
    v1 = scenario.stripe.client().v1
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    made = [v1.coupons.create({"duration": "forever", **coupon}).id for coupon in coupons]  # type: ignore[typeddict-item]
    v1.subscriptions.update(running["id"], {"discounts": [{"coupon": each} for each in made]})
    scenario.settle()


def closed(scenario: Scenario, said: str, *coupons: dict[str, Any], calls: int = 60_000) -> Org:
    org = on_plan(scenario, calls, said)
    discounted(scenario, org, *coupons)
    assert ends_and_closes(scenario, org).errors == {}
    return org


@pytest.mark.slow
def test_a_coupon_takes_its_part_of_the_fee_alone(scenario: Scenario) -> None:
    """$49.00 less 20 %, and $100.00: $139.20."""
    org = closed(scenario, "", {"percent_off": 20})
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"]) == ("paid", 13_920)
    assert [line.discount for line in lines(scenario, org)] == [0]


@pytest.mark.slow
def test_where_the_plan_says_so_it_takes_its_part_of_the_usage_too(scenario: Scenario) -> None:
    """$49.00 and $100.00, less 20 %: $119.20."""
    org = closed(scenario, "discount_usage = true", {"percent_off": 20})
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"], renewal["amount_paid"]) == ("paid", 11_920, 11_920)
    [line] = lines(scenario, org)
    assert (line.amount, line.discount) == (10_000, 2_000)
    items = {each["description"]: each for each in renewal["lines"]["data"] if each["amount"] in {10_000, -2_000}}
    assert [each["discountable"] for each in items.values()] == [False, False]
    assert [words for words in items if words.startswith("20 % discount: Units, ")]
    assert [each.discounts for each in invoices(scenario, org)] == [
        [{"coupon": renewal_coupon(scenario), "percent_off": "20"}]
    ]


def renewal_coupon(scenario: Scenario) -> str:
    return str(scenario.stripe.objects("coupon")[0]["id"])


@pytest.mark.slow
def test_an_amount_off_is_taken_off_the_fee_alone(scenario: Scenario) -> None:
    """$49.00 less 10 % and $5.00, and $100.00 less 10 %: $39.10 and $90.00."""
    org = closed(
        scenario, "discount_usage = true", {"percent_off": 10}, {"amount_off": 500, "currency": "usd"}
    )  # fmt: skip
    [renewal] = renewals(scenario, org)
    assert renewal["total"] == 3_910 + 9_000


@pytest.mark.slow
def test_a_part_of_a_cent_is_rounded_half_away(scenario: Scenario) -> None:
    """12.5 % of 10.20 is 1.275: 1.28 are taken off."""
    org = closed(scenario, "discount_usage = true", {"percent_off": 12.5}, calls=51_020)
    [line] = lines(scenario, org)
    assert (line.amount, line.discount) == (1_020, 128)


@pytest.mark.slow
def test_the_invoice_of_a_yearly_subscribers_month_is_discounted_too(scenario: Scenario) -> None:
    org = on_plan(scenario, 60_000, "discount_usage = true", interval="year")
    discounted(scenario, org, {"percent_off": 20})
    scenario.later(days=33)
    assert run(scenario, org).errors == {}
    scenario.settle()
    [invoice] = manual(scenario, org)
    assert (invoice["status"], invoice["total"]) == ("paid", 8_000)


@pytest.mark.slow
def test_what_is_below_the_smallest_charge_after_the_discount_waits(scenario: Scenario) -> None:
    """60 cents less 20 % are 48: less than Stripe charges."""
    org = on_plan(scenario, 50_060, "discount_usage = true", interval="year")
    discounted(scenario, org, {"percent_off": 20})
    scenario.later(days=33)
    assert run(scenario, org).errors == {}
    assert manual(scenario, org) == []
    [line] = [line for line in lines(scenario, org) if line.amount]
    assert (line.amount, line.discount, line.invoice_id) == (60, 0, None)


@pytest.mark.slow
def test_whatever_stripe_answers_the_discount_is_taken_once(scenario: Scenario) -> None:
    org = on_plan(scenario, 60_000, "discount_usage = true", interval="year")
    discounted(scenario, org, {"percent_off": 20})
    scenario.later(days=33)
    scenario.stripe.fail("reset", times=1, path="/v1/invoiceitems", method="POST")
    for _ in range(3):
        run(scenario, org)
        scenario.later(minutes=3)
    scenario.settle()
    assert [each["total"] for each in manual(scenario, org)] == [8_000]


@pytest.mark.slow
def test_items_carry_the_tax_of_their_plan(scenario: Scenario) -> None:
    said = 'discount_usage = true\ntax_behavior = "exclusive"\ntax_code = "txcd_10103001"'
    org = closed(scenario, said, {"percent_off": 20})
    items = scenario.stripe.objects("invoiceitem", customer=org.customer_id)
    assert [(each["_tax_behavior"], each["_tax_code"]) for each in items] == [("exclusive", "txcd_10103001")] * 2
    [fee] = scenario.stripe.objects("subscription", customer=org.customer_id)[0]["items"]["data"]
    assert fee["price"]["tax_behavior"] == "exclusive"
    assert scenario.stripe.world.get("product", fee["price"]["product"])["tax_code"] == "txcd_10103001"


@pytest.mark.slow
def test_notes_of_a_discounted_line_give_back_what_was_paid_of_it(scenario: Scenario) -> None:
    """$100.00 less 17 % was paid. Voided in three steps, each note is less its part of the $17.00: $83.00 in all."""
    org = on_plan(scenario, 49_000, "discount_usage = true", "year")
    discounted(scenario, org, {"percent_off": 17})
    for event, count in (("a", 4_000), ("b", 3_333), ("c", 3_667)):
        use(org, count, scenario.clock.at, event)
    next_month(scenario, org)
    [record] = [each for each in org.records if each.reason == "usage"]
    assert record.amount == 8_300
    for event in ("a", "b", "c"):
        void(org, event)
        next_month(scenario, org)
    assert [each["total"] for each in reversed(notes(scenario))] == [3_320, 2_766, 2_214]
    assert [each.amount for each in ours(scenario, org)] == [3_320, 2_766, 2_214]
    credited = [each for each in lines(scenario, org) if each.credit_note_id]
    assert sorted((each.amount, each.discount) for each in credited) == [(-4_000, -680), (-3_333, -567), (-2_667, -453)]
    assert [each.refunded for each in org.records if each.reason == "usage"] == [8_300]
    balanced(scenario, org, 0)


@pytest.mark.slow
def test_of_an_org_that_left_a_discounted_line_is_credited_too(scenario: Scenario) -> None:
    """$3.00 of $100.00 less 20 %: $2.40 go back, and the API's lines of the note add up to it."""
    org = on_plan(scenario, 59_700, "discount_usage = true")
    discounted(scenario, org, {"percent_off": 20})
    use(org, 300, scenario.clock.at, "extra")
    leaves(scenario, org)
    [usage] = manual(scenario, org)
    void(org, "extra")
    scenario.later(days=45)
    run(scenario, org)
    scenario.settle()
    assert usage["total"] == 8_000
    expected = 240
    assert [each["total"] for each in notes(scenario)] == [expected]
    [credit] = [each for each in lines(scenario, org) if each.credit_note_id]
    assert (credit.amount, credit.amount - credit.discount) == (-300, -expected)
    invoices = scenario.client.get("/api/v1/invoices", headers=org.api("billing:read")).json["invoices"]
    [note] = [note for each in invoices for note in each["credit_notes"]]
    assert (note["amount"], [each["amount"] for each in note["lines"]]) == (expected, [expected])
