"""From a limit through Stripe's payment page to the larger plan, whatever happens on the way, in a real browser.

Each journey ends with one subscription, one charge and one billing record, or with nothing at all. Those marked `long`
show in the browser what the tests of `payments` and `portal/billing` hold for each rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import people, upgrade_books
from tests.browser.api import Caller
from tests.browser.chrome import Watched, sign_in
from tests.browser.inside import Customer
from tests.browser.stack import Stack, until
from tests.browser.upgrade import DECLINED, GOOD, OTHER_GOOD, SECURE, Journey
from tests.support.copy import copy

both = pytest.mark.parametrize("js", [True, False], ids=["with-scripts", "without-scripts"])
Begin = Callable[..., Journey]
NOT_YOU = "We are unable to authenticate your payment method. Please try again."
NO = "Your card was declined."


@pytest.fixture
def begin(stack: Stack, customers: Iterator[Customer], open_page: Callable[..., Watched]) -> Iterator[Begin]:
    """A new customer in a browser of their own, signed in. What console or content policy complain about fails."""
    journeys: list[Journey] = []

    def make(*, js: bool = True) -> Journey:
        buyer = next(customers)
        journeys.append(Journey(stack, buyer, open_page(js=js, state=buyer.state)))
        return journeys[-1]

    yield make
    assert [each for journey in journeys for each in journey.findings] == []


@pytest.fixture
def no_webhooks(stack: Stack, alone: None) -> Iterator[None]:
    """Every webhook of the test is lost on its way."""
    stack.switch(webhooks={"drop": 10_000})
    yield
    upgrade_books.wait_for_events(stack, "the last webhooks to be lost")


def sold(journey: Journey, amount: int = 4900, **shown: Any) -> upgrade_books.Books:
    """The customer finds the plan (`shown`: as `has_pro` takes it), and the books of both sides hold one sale."""
    journey.has_pro(**shown)
    books = upgrade_books.settled(journey.stack, journey.buyer.org_id)
    books.sold_once(amount)
    return books


@both
@pytest.mark.slow
def test_from_a_limit_to_the_larger_plan(begin: Begin, js: bool) -> None:
    journey = begin(js=js)
    journey.to_stripe()
    journey.pay(GOOD)
    journey.returned()
    journey.page.get_by_role("link", name=copy("returned.new_limits")).click()
    expect(journey.page.locator("#meter-api_calls")).to_contain_text("0 of 50,000 calls")
    sold(journey)


@pytest.mark.slow
def test_a_declined_card_then_a_good_one(begin: Begin) -> None:
    journey = begin()
    journey.to_stripe()
    journey.pay(DECLINED)
    journey.refused(NO)
    assert journey.caller.send("api_calls", 1)[0] == 429
    journey.pay(OTHER_GOOD)
    journey.returned()
    books = sold(journey, card="Mastercard", last4="4444")
    assert sorted(each["status"] for each in books.charges) == ["failed", "succeeded"]


@pytest.mark.slow
def test_a_card_that_the_bank_refuses_and_then_lets_through(begin: Begin) -> None:
    journey = begin()
    journey.to_stripe()
    journey.pay(SECURE)
    journey.answer_bank("Fail")
    journey.refused(NOT_YOU)
    journey.pay(SECURE)
    journey.answer_bank("Complete")
    journey.returned()
    sold(journey, last4="3184")


@pytest.mark.long
def test_a_promotion_code(begin: Begin, stack: Stack) -> None:
    upgrade_books.make_code(stack, "AUTUMN20", 20)
    journey = begin()
    journey.to_stripe()
    page = journey.page
    page.get_by_label("Code").fill("SPRING")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_have_text("This code is invalid.")
    page.get_by_label("Code").fill("autumn20")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("AUTUMN20 is applied.")).to_be_visible()
    journey.pay(GOOD)
    journey.returned()
    expect(page.get_by_role("main")).to_contain_text("$39.20")
    sold(journey, 3920, paid="$39.20")


@pytest.mark.slow
def test_a_closed_tab_leaves_it_to_the_webhook(begin: Begin, stack: Stack, open_page: Callable[..., Watched]) -> None:
    journey = begin()
    journey.to_stripe()
    journey.pay_and_close_tab()
    _given_without_the_tab(journey, open_page())
    assert upgrade_books.read(stack, journey.buyer.org_id).sources == {"webhook"}


@both
@pytest.mark.long
@pytest.mark.usefixtures("no_webhooks")
def test_lost_webhooks_leave_it_to_the_return_page(begin: Begin, js: bool) -> None:
    journey = begin(js=js)
    journey.to_stripe()
    journey.pay(GOOD)
    journey.returned()
    books = sold(journey)
    assert books.ours["inbox"] == []


@pytest.mark.long
@pytest.mark.usefixtures("no_webhooks")
def test_lost_webhooks_and_a_closed_tab_leave_it_to_reconciliation(
    begin: Begin, stack: Stack, open_page: Callable[..., Watched]
) -> None:
    journey = begin()
    journey.to_stripe()
    journey.pay_and_close_tab()
    upgrade_books.wait_for_events(stack, "the webhooks to be lost")
    assert upgrade_books.read(stack, journey.buyer.org_id).ours["running"] == []
    assert "0 not repaired" in stack.flask("stripe", "reconcile")
    _given_without_the_tab(journey, open_page())
    assert upgrade_books.read(stack, journey.buyer.org_id).sources == {"reconcile"}
    assert "0 differences" in stack.flask("stripe", "reconcile")
    upgrade_books.read(stack, journey.buyer.org_id).sold_once()


@both
@pytest.mark.long
@pytest.mark.usefixtures("no_webhooks")
def test_the_return_page_looks_again_while_stripe_is_away(begin: Begin, stack: Stack, js: bool) -> None:
    journey = begin(js=js)
    journey.to_stripe()
    stack.switch(api={"kind": "503", "times": 2, "path": "/v1/checkout/sessions/", "method": "GET"})
    journey.pay(GOOD)
    journey.returned(copy("returned.away"))
    journey.returned(copy("returned.given", plan="Pro"))
    sold(journey)


@pytest.mark.slow
def test_two_tabs_lead_to_one_payment(begin: Begin, stack: Stack) -> None:
    journey = begin()
    journey.to_stripe()
    first = journey.page
    journey.new_tab().goto("/billing/upgrade/pro")
    journey.to_payment()
    expect(journey.page).to_have_url(first.url)
    journey.type_card(GOOD)
    first_tab = Journey(stack, journey.buyer, journey.tabs[0])
    first_tab.pay(OTHER_GOOD)
    first_tab.returned()
    journey.page.get_by_role("button", name="Subscribe", exact=True).click()
    journey.returned()
    sold(journey, card="Mastercard", last4="4444")


@pytest.mark.long
def test_two_tabs_with_different_choices_leave_one_to_be_paid(begin: Begin) -> None:
    journey = begin()
    journey.to_stripe()
    journey.type_card(GOOD)
    journey.new_tab().goto("/billing/upgrade/pro?interval=year&currency=USD")
    journey.to_payment()
    stale = journey.tabs[0].page
    stale.get_by_role("button", name="Subscribe", exact=True).click()
    expect(stale.get_by_role("heading", level=1)).to_have_text("This page has expired")
    journey.pay(GOOD)
    journey.returned()
    sold(journey, 49000, paid="$490.00")


@both
@pytest.mark.slow
def test_a_double_click_buys_once(begin: Begin, js: bool) -> None:
    journey = begin(js=js)
    journey.at_limit()
    journey.page.get_by_role("button", name=re.compile(copy("upgrade.pay_verb"))).dblclick(delay=10)
    journey.at_stripe()
    journey.type_card(GOOD)
    journey.page.get_by_role("button", name="Subscribe", exact=True).dblclick(delay=10)
    journey.returned()
    books = sold(journey)
    assert len(books.sessions) == 1


@both
@pytest.mark.long
def test_back_from_stripe_and_buying_again(begin: Begin, js: bool) -> None:
    journey = begin(js=js)
    journey.to_stripe()
    first = journey.page.url
    journey.page.go_back()
    expect(journey.page.get_by_role("heading", level=1)).to_have_text("Upgrade to Pro")
    journey.to_payment()
    expect(journey.page).to_have_url(first)
    journey.page.get_by_role("link", name="Cancel and go back").click()
    expect(journey.page.get_by_role("region", name=copy("returned.unpaid"))).to_be_visible()
    journey.page.get_by_role("button", name=copy("upgrade.resume", amount="$49.00")).click()
    journey.at_stripe()
    expect(journey.page).to_have_url(first)
    journey.pay(GOOD)
    journey.returned()
    books = sold(journey)
    assert len(books.sessions) == 1


@both
@pytest.mark.long
def test_back_after_paying_and_the_old_button_charges_nothing(begin: Begin, js: bool) -> None:
    journey = begin(js=js)
    journey.at_limit()
    stale = journey.page
    journey.new_tab().goto("/billing/upgrade/pro")
    journey.to_payment()
    journey.pay(GOOD)
    journey.returned()
    journey.page.go_back()
    expect(journey.page.get_by_role("heading", level=1)).to_have_text("You're all done here")
    stale.get_by_role("button", name=re.compile(copy("upgrade.pay_verb"))).click()
    expect(stale.get_by_text(copy("upgrade.paid_already", plan="Pro"))).to_be_visible()
    stale.goto("/billing/upgrade/pro")
    expect(stale.get_by_role("main")).to_contain_text(copy("upgrade.current"))
    sold(journey)


@pytest.mark.long
def test_from_sign_up_on(open_page: Callable[..., Watched], stack: Stack) -> None:
    watched = open_page()
    people.sign_up(watched.page, stack)
    key, _ = people.make_key(watched.page)
    assert Caller(stack.base, key).send("api_calls", 500)[0] == 200
    watched.page.goto("/dashboard")
    watched.page.get_by_role("link", name="Upgrade to Pro, $49 a month").click()
    watched.page.get_by_role("button", name=copy("upgrade.pay", amount="$49.00")).click()
    journey = Journey(stack, Customer("", "", key, {}), watched)
    journey.at_stripe()
    journey.pay(GOOD)
    journey.returned()
    journey.has_pro()
    assert watched.findings == []


@pytest.mark.long
@pytest.mark.usefixtures("alone")
def test_what_is_not_paid_for_grants_nothing(begin: Begin, stack: Stack) -> None:
    """Unpaid, declined and abandoned, cancelled: now, and after a day, when Stripe lets the pages expire."""
    unpaid, declined, cancelled = begin(), begin(), begin()
    for journey in (unpaid, declined, cancelled):
        journey.to_stripe()
    declined.pay(DECLINED)
    declined.refused(NO)
    cancelled.page.get_by_role("link", name="Cancel and go back").click()
    expect(cancelled.page.get_by_role("region", name=copy("returned.unpaid"))).to_be_visible()
    for journey in (unpaid, declined, cancelled):
        books = upgrade_books.settled(stack, journey.buyer.org_id)
        books.sold_nothing("open")
        assert journey.caller.send("api_calls", 1)[0] == 429

    unpaid.type_card(GOOD)
    stack.flask("clock", "advance", "25h")
    until(lambda: _session_states(stack, unpaid, declined, cancelled) == {"expired"}, "the pages to expire")
    unpaid.page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(unpaid.page.get_by_role("heading", level=1)).to_have_text("This page has expired")
    for journey in (unpaid, declined, cancelled):
        upgrade_books.settled(stack, journey.buyer.org_id).sold_nothing("expired")
        journey.has_free()


def _session_states(stack: Stack, *journeys: Journey) -> set[str]:
    return {row["status"] for each in journeys for row in upgrade_books.read(stack, each.buyer.org_id).sessions}


def _given_without_the_tab(journey: Journey, again: Watched) -> None:
    """The plan is given though nobody came back; the customer signs in anew and finds it."""
    until(lambda: journey.caller.send("api_calls", 1)[0] == 200, "the larger plan", 30)
    upgrade_books.settled(journey.stack, journey.buyer.org_id).sold_once()
    sign_in(again.page, journey.buyer.email, people.PASSWORD)
    journey.tabs.append(again)
    journey.has_pro(used=1)
