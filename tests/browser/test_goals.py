"""What customers come for, each within its clicks, with scripts and without.

Goals 2, what uses it up, and 6, the larger plan, are `test_journey`'s and `test_upgrade`'s.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.api import Caller
from tests.browser.changing import Subscriber
from tests.browser.chrome import Watched, new_context, watch
from tests.browser.inside import Customer, State, make_customers
from tests.browser.stack import Stack, running, until
from tests.browser.upgrade import A_DAY, Journey

Open = Callable[..., Watched]
both = pytest.mark.parametrize("js", [True, False], ids=["with-scripts", "without-scripts"])
STANDING = ("steady", "near", "full", "over")
INCLUDED, ABOVE = 50_000, 1_200
"""The calls that Pro includes, and those above it, at a cent each."""


@dataclass
class Clicks:
    """A page on which links and buttons are pressed, and how often they were."""

    page: Page
    count: int = 0

    def press(self, target: Locator) -> None:
        target.click()
        self.count += 1


@both
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (375, 667)])
@pytest.mark.parametrize("who", STANDING)
def test_am_i_all_right_is_answered_without_scrolling(
    open_page: Open, demo_states: dict[str, State], who: str, width: int, height: int, js: bool
) -> None:
    page = open_page(js=js, state=demo_states[who], width=width).page
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/dashboard")
    expect(page.locator(".state p")).to_have_text(re.compile(r"\.$"))
    for each in (".state p", ".meter .bar"):
        expect(page.locator(each).last).to_be_in_viewport(ratio=1)
    meter = page.locator(".meter").filter(has=page.locator(".bar")).first
    expect(meter).to_have_text(re.compile(r"[\d,]+ of [\d,]+ \w+"))
    expect(meter).to_have_text(re.compile(r"\d\s%"))
    expect(meter).to_have_text(re.compile(r"Resets\s+\d+\s\w{3}\s\d{4}"))


@both
@pytest.mark.parametrize(
    ("who", "words"), [("full", "Refused at 100 %"), ("over", "Above that, usage costs $0.01 each")]
)
def test_what_happens_at_the_limit_stands_beside_the_bar(
    open_page: Open, demo_states: dict[str, State], who: str, words: str, js: bool
) -> None:
    page = open_page(js=js, state=demo_states[who]).page
    page.goto("/dashboard")
    expect(page.locator("#meter-api_calls")).to_contain_text(words)


@both
def test_why_this_amount_is_two_clicks_from_what_was_billed(
    open_page: Open, demo_states: dict[str, State], js: bool
) -> None:
    page = open_page(js=js, state=demo_states["over"]).page
    page.goto("/billing/usage")
    _explain(page, page.locator("details.charge").first)


@pytest.mark.slow
@both
def test_a_plan_is_cancelled_in_three_clicks_that_say_what_is_lost_and_when(
    stack: Stack, customers: Iterator[Customer], open_page: Open, js: bool
) -> None:
    buyer = next(customers)
    who = Subscriber(Journey(stack, buyer, open_page(js=js, state=buyer.state)))
    who.buys("pro", "You are on Pro")
    who.page.goto("/dashboard")
    clicks = Clicks(who.page)
    clicks.press(who.page.get_by_role("link", name="Billing", exact=True))
    clicks.press(who.main.get_by_role("link", name=re.compile("^Cancel")))
    expect(who.main.get_by_role("row", name="API calls a month")).to_have_text(re.compile(r"50,000\s*1,000"))
    expect(who.main).to_contain_text(re.compile(r"\d{1,2} \w+ \d{4}"))
    clicks.press(who.main.get_by_role("button", name=re.compile("^Cancel")))
    expect(who.main).to_contain_text(re.compile(r"(ends|until) .*\d{4}"))
    assert clicks.count == 3


@both
def test_who_is_refused_still_sees_and_exports_all(
    stack: Stack, customers: Iterator[Customer], open_page: Open, js: bool
) -> None:
    buyer = next(customers)
    caller, page = Caller(stack.base, buyer.key), open_page(js=js, state=buyer.state).page
    assert caller.send("api_calls", A_DAY)[0] == 200
    status, problem = caller.send("api_calls", 1)
    assert (status, problem["code"]) == (429, "quota_exceeded")
    page.goto(problem["upgrade_url"])
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pro")
    for path, title in {"/dashboard": "Dashboard", "/usage": "Usage", "/billing": "Billing", "/plans": "Plans"}.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.goto("/usage")
    with page.expect_download() as given:
        page.get_by_role("link", name=re.compile("CSV")).first.click()
    assert str(A_DAY) in given.value.path().read_text(encoding="utf-8-sig")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_invoice_is_two_clicks_away_with_its_files_and_each_amount_two_more(chromium: Browser) -> None:
    """Pro with 1,200 calls above its allowance, at the period's end; the clicks are repeated without scripts."""
    with running() as own, ExitStack() as closing:
        own.leave_days_in_month(3)
        [buyer] = make_customers(own, 1)
        who = Subscriber(Journey(own, buyer, watch(_page(own, buyer, chromium, closing, js=True))))
        who.buys("pro", "You are on Pro")
        for quantity in (INCLUDED, ABOVE - 200, 200):
            assert who.journey.caller.send("api_calls", quantity)[0] == 200
        own.advance(timedelta(days=32))
        until(lambda: _usage_invoices(who.journey.caller), "the invoice with usage", 60)
        for js in (True, False):
            page = _page(own, buyer, chromium, closing, js=js)
            _find(page)
            assert _explain(page, page.locator("details.charge.is-charged")) == INCLUDED + ABOVE


def _find(page: Page) -> None:
    page.goto("/dashboard")
    clicks = Clicks(page)
    clicks.press(page.get_by_role("link", name="Billing", exact=True))
    row = page.get_by_role("row").filter(has_text="$61.00")
    clicks.press(row.get_by_role("link", name=re.compile("^What it bills")))
    assert clicks.count == 2
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Invoice .+"))
    main = page.get_by_role("main")
    expect(main).to_contain_text("Paid")
    for file in ("PDF", "CSV", "FOCUS"):
        expect(main.get_by_role("link", name=re.compile(file)).first).to_be_visible()


def _explain(page: Page, line: Locator) -> Decimal:
    """A line opens to the steps that add up to it, then to the events that do; the file has each of these."""
    amount, clicks, main = line.locator(".charge-amount").inner_text(), Clicks(page), page.get_by_role("main")
    clicks.press(line.locator("summary"))
    steps = line.get_by_role("table", name=re.compile("^How the amount for"))
    expect(steps.locator("tfoot")).to_contain_text(amount)
    clicks.press(line.get_by_role("link", name=re.compile("^Events behind this line")))
    assert clicks.count == 2
    expect(main).to_contain_text("The events counted come to exactly the quantity of this line.")
    events = main.get_by_role("table", name="Events behind this line")
    with page.expect_download() as given:
        main.get_by_role("link", name="Download events").click()
    rows = csv.DictReader(io.StringIO(given.value.path().read_text(encoding="utf-8-sig")))
    counted = [Decimal(row["quantity"]) for row in rows if row["counted"] == "yes"]
    figure = f"{sum(counted):,f}"
    told = events.get_by_role("row", name=re.compile("^Counted ")).get_by_role("cell")
    expect(told).to_have_text([f"{len(counted):,}", re.compile(rf"^{figure} ")])
    expect(events.locator("tfoot")).to_contain_text(figure)
    return sum(counted, Decimal(0))


def _usage_invoices(caller: Caller) -> Any:
    return [each for each in caller.get("/invoices")[1]["invoices"] if each["total"] == 6_100]


def _page(own: Stack, buyer: Customer, chromium: Browser, closing: ExitStack, *, js: bool) -> Page:
    context = new_context(chromium, own.base, js=js, state=buyer.state)
    closing.callback(context.close)
    return context.new_page()
