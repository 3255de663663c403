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
from tests import factories
from tests.factories import MadePlan
from tests.payments.till import Till


@pytest.fixture(autouse=True)
def alone(till: Till) -> None:
    """The plans of other tests are no longer on offer: worlds in which somebody pays for them are gone."""
    till.session.execute(update(Plan).where(Plan.key.like("plan_%")).values(archived_at=till.clock.now()))
    till.session.commit()


def run(till: Till, *words: str) -> tuple[int, str]:
    if "catalog" not in till.app.cli.commands:
        cli.register(till.app)
    result = till.app.test_cli_runner().invoke(args=["catalog", "push", *words])
    return result.exit_code, result.output


def of(plan: MadePlan, output: str) -> list[str]:
    return [line for line in output.splitlines() if f"tollkeeper_{plan.key}_v" in line]


def stored(till: Till, plan: MadePlan) -> list[StripePrice]:
    till.session.rollback()
    return list(till.session.scalars(select(StripePrice).where(StripePrice.plan_version_id == plan.version_id)))


def there(till: Till, plan: MadePlan) -> list[dict[str, Any]]:
    return [each for each in till.standin.objects("price") if each["product"] == f"tollkeeper_{plan.key}"]


def test_what_would_happen_is_shown_then_done_then_there_is_nothing_to_do(till: Till) -> None:
    plan = till.plan()
    code, words = run(till, "--dry-run")
    month = f"+ tollkeeper_{plan.key}_v1_month_usd: 10 USD a month"
    assert code == 0
    assert of(plan, words) == [f"{month}, would be created", of(plan, words)[1]]
    assert (there(till, plan), stored(till, plan)) == ([], [])
    code, words = run(till)
    assert code == 0
    assert of(plan, words)[0].startswith(f"{month}, created (price_")
    assert len(of(plan, words)) == 2
    made = {(each["unit_amount"], each["recurring"]["interval"], each["currency"]) for each in there(till, plan)}
    assert made == {(1000, "month", "usd"), (10000, "year", "usd")}
    assert {each.id for each in stored(till, plan)} == {each["id"] for each in there(till, plan)}
    code, words = run(till)
    assert code == 0
    assert all(line.startswith("  ") and "up to date" in line for line in of(plan, words))
    assert len(there(till, plan)) == 2


def test_a_crash_between_stripe_and_our_row_leaves_no_second_price(till: Till) -> None:
    plan = till.plan()
    run(till)
    for row in stored(till, plan):
        till.session.delete(row)
    till.session.commit()
    code, words = run(till)
    assert code == 0
    assert all(line.startswith("~ ") and "found by its lookup key" in line for line in of(plan, words))
    assert len(there(till, plan)) == 2
    assert len(stored(till, plan)) == 2


def test_the_default_plan_and_prices_of_nothing_are_left_out(till: Till) -> None:
    default = factories.have_default_plan(till.session)
    version = catalog.version(till.session, default.version_id)
    assert version is not None
    assert list_paid_prices(version) == []
    _, words = run(till, "--dry-run")
    assert of(default, words) == []


def test_what_somebody_else_put_under_our_key_is_told_and_left(till: Till) -> None:
    plan = till.plan()
    key = f"tollkeeper_{plan.key}_v1_month_usd"
    theirs = till.standin.client()
    theirs.v1.products.create({"id": f"tollkeeper_{plan.key}", "name": "x"})
    theirs.v1.prices.create(
        {"product": f"tollkeeper_{plan.key}", "currency": "usd", "unit_amount": 1, "lookup_key": key,
         "recurring": {"interval": "month"}}
    )  # fmt: skip
    code, words = run(till)
    assert code == 1
    assert [line[:2] for line in of(plan, words)] == ["! ", "+ "]
    code, words = run(till, "--json")
    differing = [each for each in json.loads(words)["prices"] if each["did"] == "differs"]
    assert [(each["lookup_key"], each["price_id"]) for each in differing] == [(key, None)]
    version = catalog.version(till.session, plan.version_id)
    assert version is not None
    [month] = [each for each in list_paid_prices(version) if each.interval == "month"]
    till.session.rollback()
    with pytest.raises(Conflict, match="Nothing was charged"):
        ensure_price(get_gateway(), month, till.clock.now())


def test_a_price_archived_at_stripe_is_told(till: Till) -> None:
    plan = till.plan()
    run(till)
    [price] = [each for each in there(till, plan) if each["recurring"]["interval"] == "year"]
    till.standin.client().v1.prices.update(price["id"], {"active": False})
    code, words = run(till)
    assert code == 1
    assert [line[0] for line in of(plan, words)] == [" ", "!"]
    assert "archived at Stripe" in words


def test_a_fresh_account_gets_new_prices_in_place_of_those_nobody_pays(till: Till) -> None:
    plan = till.plan()
    run(till)
    old = {each.id for each in stored(till, plan)}
    till.standin.reset(till.clock)
    code, _ = run(till)
    assert code == 0
    new = {each.id for each in stored(till, plan)}
    assert len(new) == 2
    assert not old & new


def test_pushing_asks_with_no_transaction_open(till: Till) -> None:
    till.plan()
    for each in push_catalog(get_gateway(), till.clock.now()):
        assert not till.session.in_transaction(), each


def test_without_a_key_it_says_so(till: Till) -> None:
    till.app.extensions["tollkeeper.stripe"] = None
    code, words = run(till)
    assert code == 1
    assert "STRIPE_SECRET_KEY" in words


def test_stripe_away_in_the_middle_is_told_and_the_repeat_goes_on(till: Till) -> None:
    plan = till.plan()
    till.standin.fail("reset", path="/v1/prices", method="POST")
    code, words = run(till)
    assert code == 1
    assert "run it again to continue" in words
    code, words = run(till)
    assert code == 0
    assert len(there(till, plan)) == len(stored(till, plan)) == 2


@pytest.mark.parametrize(
    ("currency", "amount", "words"),
    [("ISK", 5000, "in hundredths"), ("UGX", 90000, "in hundredths"), ("KWD", 4995, "multiples of 10")],
)
def test_an_amount_that_stripe_would_read_otherwise_is_never_sold(
    till: Till, currency: str, amount: int, words: str
) -> None:
    """5000 ISK are 5000 in our minor unit, and 50 in Stripe's."""
    plan = till.plan()
    with pytest.raises(Conflict, match=words):
        ensure_price(get_gateway(), replace(first_of(till, plan), currency=currency, amount=amount), till.clock.now())
    assert there(till, plan) == []


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1500), ("KWD", 4990)])
def test_amounts_without_and_with_three_places_reach_stripe_in_its_minor_unit(
    till: Till, currency: str, amount: int
) -> None:
    plan = till.plan()
    ensure_price(get_gateway(), replace(first_of(till, plan), currency=currency, amount=amount), till.clock.now())
    assert [(each["unit_amount"], each["currency"]) for each in there(till, plan)] == [(amount, currency.lower())]


def first_of(till: Till, plan: MadePlan) -> PriceSelection:
    version = catalog.version_of(till.session, plan.key)
    assert version is not None
    sold = list_paid_prices(version)[0]
    till.session.rollback()
    return sold
