"""`flask catalog push`: products and prices at Stripe, found by lookup key before they are made."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from app import cli
from app.catalog import queries as catalog
from app.catalog.models import Plan
from app.kit.errors import Conflict
from app.payments.gateway import get_gateway
from app.payments.models import StripePrice
from app.payments.price_push.price_selection import PriceSelection, list_paid_prices
from app.payments.price_push.push import ensure_price, push_catalog
from tests.factories import MadePlan
from tests.scenario import Scenario
from tests.support.copy import copy


@pytest.fixture(autouse=True)
def alone(scenario: Scenario) -> None:
    """The plans of other tests are no longer on offer: worlds in which somebody pays for them are gone."""
    scenario.session.execute(update(Plan).where(Plan.key.like("plan_%")).values(archived_at=scenario.clock.now()))
    scenario.session.commit()


def run(scenario: Scenario, *words: str) -> tuple[int, str]:
    if "catalog" not in scenario.app.cli.commands:
        cli.register(scenario.app)
    result = scenario.app.test_cli_runner().invoke(args=["catalog", "push", *words])
    return result.exit_code, result.output


def of(plan: MadePlan, output: str) -> list[str]:
    return [line for line in output.splitlines() if f"tollkeeper_{plan.key}_v" in line]


def stored(scenario: Scenario, plan: MadePlan) -> list[StripePrice]:
    scenario.session.rollback()
    return list(scenario.session.scalars(select(StripePrice).where(StripePrice.plan_version_id == plan.version_id)))


def there(scenario: Scenario, plan: MadePlan) -> list[dict[str, Any]]:
    return [each for each in scenario.stripe.objects("price") if each["product"] == f"tollkeeper_{plan.key}"]


def test_what_would_happen_is_shown_then_done_then_there_is_nothing_to_do(scenario: Scenario) -> None:
    plan = scenario.plan()
    code, words = run(scenario, "--dry-run")
    month = f"+ tollkeeper_{plan.key}_v1_month_usd: 10 USD a month"
    assert code == 0
    assert of(plan, words) == [f"{month}, would be created", of(plan, words)[1]]
    assert (there(scenario, plan), stored(scenario, plan)) == ([], [])
    code, words = run(scenario)
    assert code == 0
    assert of(plan, words)[0].startswith(f"{month}, created (price_")
    assert len(of(plan, words)) == 2
    made = {(each["unit_amount"], each["recurring"]["interval"], each["currency"]) for each in there(scenario, plan)}
    assert made == {(1000, "month", "usd"), (10000, "year", "usd")}
    assert {each.id for each in stored(scenario, plan)} == {each["id"] for each in there(scenario, plan)}
    code, words = run(scenario)
    assert code == 0
    assert all(line.startswith("  ") and "up to date" in line for line in of(plan, words))
    assert len(there(scenario, plan)) == 2


def test_a_crash_between_stripe_and_our_row_leaves_no_second_price(scenario: Scenario) -> None:
    plan = scenario.plan()
    run(scenario)
    for row in stored(scenario, plan):
        scenario.session.delete(row)
    scenario.session.commit()
    code, words = run(scenario)
    assert code == 0
    assert all(line.startswith("~ ") and "found by its lookup key" in line for line in of(plan, words))
    assert len(there(scenario, plan)) == 2
    assert len(stored(scenario, plan)) == 2


def test_the_default_plan_and_prices_of_nothing_are_left_out(scenario: Scenario) -> None:
    default = scenario.default_plan()
    version = catalog.find_version(scenario.session, default.version_id)
    assert version is not None
    assert list_paid_prices(version) == []
    _, words = run(scenario, "--dry-run")
    assert of(default, words) == []


def test_what_somebody_else_put_under_our_key_is_told_and_left(scenario: Scenario) -> None:
    plan = scenario.plan()
    key = f"tollkeeper_{plan.key}_v1_month_usd"
    theirs = scenario.stripe.client()
    theirs.v1.products.create({"id": f"tollkeeper_{plan.key}", "name": "x"})
    theirs.v1.prices.create(
        {"product": f"tollkeeper_{plan.key}", "currency": "usd", "unit_amount": 1, "lookup_key": key,
         "recurring": {"interval": "month"}}
    )  # fmt: skip
    code, words = run(scenario)
    assert code == 1
    assert [line[:2] for line in of(plan, words)] == ["! ", "+ "]
    code, words = run(scenario, "--json")
    differing = [each for each in json.loads(words)["prices"] if each["did"] == "differs"]
    assert [(each["lookup_key"], each["price_id"]) for each in differing] == [(key, None)]
    version = catalog.find_version(scenario.session, plan.version_id)
    assert version is not None
    [month] = [each for each in list_paid_prices(version) if each.interval == "month"]
    scenario.session.rollback()
    with pytest.raises(Conflict, match=copy("returned.unpaid")):
        ensure_price(get_gateway(), month, scenario.clock.now())


def test_a_price_archived_at_stripe_is_told_and_put_on_sale_again(scenario: Scenario) -> None:
    """P16: the catalogue decides what is sold."""
    plan = scenario.plan()
    run(scenario)
    [price] = [each for each in there(scenario, plan) if each["recurring"]["interval"] == "year"]
    scenario.stripe.client().v1.prices.update(price["id"], {"active": False})
    for options, words_of_it in [(["--dry-run"], "is archived at Stripe"), ([], "on sale again"), ([], "up to date")]:
        code, words = run(scenario, *options)
        assert code == 0
        assert words_of_it in of(plan, words)[1]
    assert price["active"]


def test_a_fresh_account_gets_new_prices_in_place_of_those_nobody_pays(scenario: Scenario) -> None:
    plan = scenario.plan()
    run(scenario)
    old = {each.id for each in stored(scenario, plan)}
    scenario.stripe.reset(scenario.clock)
    code, _ = run(scenario)
    assert code == 0
    new = {each.id for each in stored(scenario, plan)}
    assert len(new) == 2
    assert not old & new


def test_pushing_asks_with_no_transaction_open(scenario: Scenario) -> None:
    scenario.plan()
    for each in push_catalog(get_gateway(), scenario.clock.now()):
        assert not scenario.session.in_transaction(), each


def test_without_a_key_it_says_so(scenario: Scenario) -> None:
    scenario.app.extensions["tollkeeper.stripe"] = None
    code, words = run(scenario)
    assert code == 1
    assert "STRIPE_SECRET_KEY" in words


def test_stripe_away_in_the_middle_is_told_and_the_repeat_goes_on(scenario: Scenario) -> None:
    plan = scenario.plan()
    scenario.stripe.fail("reset", path="/v1/prices", method="POST")
    code, words = run(scenario)
    assert code == 1
    assert "run it again to continue" in words
    code, words = run(scenario)
    assert code == 0
    assert len(there(scenario, plan)) == len(stored(scenario, plan)) == 2


@pytest.mark.parametrize(
    ("currency", "amount", "words"),
    [("KWD", 4995, "multiples of 10"), ("BHD", 1, "multiples of 10")],
)
def test_an_amount_that_stripe_would_read_otherwise_is_never_sold(
    scenario: Scenario, currency: str, amount: int, words: str
) -> None:
    plan = scenario.plan()
    with pytest.raises(Conflict, match=words):
        ensure_price(
            get_gateway(), replace(first_of(scenario, plan), currency=currency, amount=amount), scenario.clock.now()
        )
    assert there(scenario, plan) == []


@pytest.mark.parametrize(
    ("currency", "amount", "sent"),
    [("JPY", 1500, 1500), ("KWD", 4990, 4990), ("ISK", 5000, 500_000), ("UGX", 90_000, 9_000_000)],
)
def test_amounts_without_and_with_three_places_reach_stripe_in_its_minor_unit(
    scenario: Scenario, currency: str, amount: int, sent: int
) -> None:
    """5,000 ISK are 5000 in our minor unit, which is none, and 500000 in Stripe's. Found again, the price is ours."""
    plan = scenario.plan()
    ensure_price(
        get_gateway(), replace(first_of(scenario, plan), currency=currency, amount=amount), scenario.clock.now()
    )
    assert [(each["unit_amount"], each["currency"]) for each in there(scenario, plan)] == [(sent, currency.lower())]


def first_of(scenario: Scenario, plan: MadePlan) -> PriceSelection:
    version = catalog.find_newest_version(scenario.session, plan.key)
    assert version is not None
    sold = list_paid_prices(version)[0]
    scenario.session.rollback()
    return sold
