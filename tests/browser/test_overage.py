"""Pay for overage in a real browser: what the card on the billing page promised is what the stand-in charges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser import upgrade_books
from tests.browser.changing import Subscriber, cents
from tests.browser.chrome import Watched, new_context, watch
from tests.browser.inside import Customer, make_customers
from tests.browser.stack import Stack, running, until
from tests.browser.upgrade import A_DAY, GOOD, MOST, RETURNED, Journey

FREE = 1_000
"""The calls a month that the Free plan includes."""


def card_of(who: Subscriber) -> Locator:
    """The card "Pay for overage" on the billing page."""
    who.page.goto("/billing")
    return who.page.locator("#overage")


def switches_on(who: Subscriber) -> int:
    """Save a card at Stripe and press the switch, which names it; returns the price of a call that it named."""
    offer = card_of(who)
    expect(offer).to_contain_text("Usage above your plan's allowance is refused.")
    offer.get_by_role("button", name="Add a card").click()
    who.journey.at_stripe()
    who.journey.type_card(GOOD)
    who.page.locator("#pay button").click()
    expect(who.page).to_have_url(RETURNED, timeout=MOST)
    press = who.page.get_by_role("button", name="Pay for overage with Visa ending 4242")
    until(lambda: card_of(who).is_visible() and press.is_visible(), "the card to be known", 30)
    words = who.page.locator("#overage").inner_text()
    assert f"{FREE:,} calls a month included, then $0.01 each." in words
    press.click()
    who.reads("Pay for overage is on.")
    return cents(words)


def switches_off(who: Subscriber) -> None:
    card_of(who).get_by_role("button", name="Stop paying for overage").click()
    who.reads("Pay for overage is off.")
    expect(card_of(who)).to_contain_text("Off")


def calls(who: Subscriber) -> dict[str, Any]:
    """The terms of calls, as the API tells them."""
    status, found = who.journey.caller.get("/limits")
    assert status == 200, found
    return next(meter for meter in found["meters"] if meter["meter"] == "api_calls")


@pytest.mark.slow
def test_the_switch_names_the_card_that_stripe_has_and_charges_nothing_by_itself(
    stack: Stack, customers: Iterator[Customer], open_page: Callable[..., Watched]
) -> None:
    buyer = next(customers)
    who = Subscriber(Journey(stack, buyer, open_page(state=buyer.state)))
    assert calls(who)["cap"] == str(FREE)
    switches_on(who)
    assert calls(who)["cap"] is None
    [ours] = upgrade_books.read(stack, buyer.org_id).ours["customers"]
    customer = upgrade_books.call(stack, "GET", f"customers/{ours['id']}")
    chosen = customer["invoice_settings"]["default_payment_method"]
    assert upgrade_books.call(stack, "GET", f"payment_methods/{chosen}")["card"]["last4"] == "4242"
    switches_off(who)
    assert calls(who)["cap"] == str(FREE)
    books = upgrade_books.settled(stack, buyer.org_id)
    books.nothing_waits()
    assert (books.charges, books.subscriptions, books.ours["running"]) == ([], [], [])
    assert who.journey.findings == []


@pytest.mark.long
@pytest.mark.timeout(1000)
def test_what_was_used_while_it_was_on_is_charged_at_the_months_end_and_nothing_after(chromium: Browser) -> None:
    """Two use 1,500 calls in three days; one of them switches it off then, and is refused at once."""
    with running() as own, ExitStack() as closing:
        own.leave_days_in_month(5)
        both = [_open(own, buyer, chromium, closing) for buyer in make_customers(own, 2)]
        prices = [switches_on(who) for who in both]
        for _ in range(3):
            for who in both:
                assert who.journey.caller.send("api_calls", A_DAY)[0] == 200
            own.advance(timedelta(days=1))
        stays, leaves = both
        switches_off(leaves)
        status, problem = leaves.journey.caller.send("api_calls", 1)
        assert (status, problem["code"]) == (429, "quota_exceeded")
        assert stays.journey.caller.send("api_calls", 100)[0] == 200
        own.advance(timedelta(days=32))
        upgrade_books.wait_for_events(own, "all events to be applied", 120)
        for who, price, used in zip(both, prices, (3 * A_DAY + 100, 3 * A_DAY), strict=True):
            owed = price * (used - FREE)
            assert who.charges() == [owed]
            who.page.goto("/billing")
            history = who.main.get_by_role("table", name="Billing history")
            expect(history).to_contain_text(re.compile(rf"\${owed / 100:.2f}"))
            assert who.journey.findings == []


def _open(own: Stack, buyer: Customer, chromium: Browser, closing: ExitStack) -> Subscriber:
    context = new_context(chromium, own.base, state=buyer.state)
    closing.callback(context.close)
    return Subscriber(Journey(own, buyer, watch(context.new_page())))
