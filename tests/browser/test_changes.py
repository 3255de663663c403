"""Changes of plan in a real browser: what the page showed is what Stripe charged, to the unit, whatever is pressed.

The API's matrix of every plan and interval is in `payments/plan_changes/test_matrix.py`; here each kind of change is
made once, with and without a coupon. Those marked `long` wait for renewals on an installation of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import upgrade_books
from tests.browser.changing import Subscriber
from tests.browser.chrome import Watched, new_context, watch
from tests.browser.inside import Customer, make_customers
from tests.browser.stack import Stack, running, until
from tests.browser.steps import card, other_card
from tests.browser.upgrade import GOOD, MOST, OTHER_GOOD, Journey

Begin = Callable[[], Subscriber]
coupons = pytest.mark.parametrize("percent", [None, 20], ids=["list price", "coupon"])
DECLINES, SECURE = "4000000000000341", "4000002760003184"


@pytest.fixture
def begin(stack: Stack, customers: Iterator[Customer], open_page: Callable[..., Watched]) -> Iterator[Begin]:
    """A new subscriber of Pro by the month. What console or content policy complain about fails."""
    begun: list[Subscriber] = []

    def make() -> Subscriber:
        buyer = next(customers)
        begun.append(Subscriber(Journey(stack, buyer, open_page(state=buyer.state))))
        begun[-1].buys("pro", "You are on Pro")
        return begun[-1]

    yield make
    assert [each for who in begun for each in who.journey.findings] == []


def changed_once(who: Subscriber, today: int) -> None:
    """One subscription, charged for the month and for the change, and the page says so."""
    assert who.charges() == [4900, today]
    upgrade_books.settled(who.stack, who.buyer.org_id).nothing_waits()
    assert who.charges() == [4900, today]
    [subscription] = upgrade_books.read(who.stack, who.buyer.org_id).subscriptions
    assert (subscription["status"], subscription["pending_update"]) == ("active", None)
    assert who.holds() == ("pro", "year")
    who.looks_at("pro", "year")
    expect(who.main).to_contain_text("You are on this plan")


def changed_nothing(who: Subscriber) -> None:
    assert who.charges() == [4900]
    assert who.holds() == ("pro", "month")


@coupons
@pytest.mark.slow
def test_the_amount_on_the_page_is_charged(begin: Begin, percent: int | None) -> None:
    who = begin()
    if percent:
        who.gets_coupon(percent)
    assert who.changes_now("pro", "Pro", "year") == (39_200 if percent else 49_000)
    assert who.next_payment() == (39_200 if percent else 49_000)


@pytest.mark.slow
def test_a_double_press_changes_once(begin: Begin) -> None:
    who = begin()
    who.looks_at("pro", "year")
    today = who.shown("Today")
    who.main.get_by_role("button", name=re.compile("^Pay yearly, ")).dblclick(delay=10)
    expect(who.page).to_have_url(re.compile("/billing$"), timeout=MOST)
    changed_once(who, today)


@pytest.mark.slow
def test_two_tabs_and_the_back_button_change_once(begin: Begin) -> None:
    who = begin()
    who.looks_at("pro", "year")
    first, today = who.page, who.shown("Today")
    who.journey.new_tab()
    who.looks_at("pro", "year")
    who.confirms()
    who.reads("You are on Pro now, paid by the year.")
    who.page.go_back()
    expect(who.main).to_contain_text("You are on this plan")
    first.get_by_role("button", name=re.compile("^Pay yearly, ")).click()
    expect(first.locator("body")).to_contain_text("You are on Pro now, paid by the year.", timeout=MOST)
    changed_once(who, today)


@pytest.mark.slow
def test_a_declined_card_that_was_chosen_a_moment_ago_changes_nothing(begin: Begin) -> None:
    """No webhook is waited for: the confirmation charges the card that was chosen last."""
    who = begin()
    chooses_card(who, DECLINES)
    who.looks_at("pro", "year")
    who.confirms()
    who.reads("did not go through. Your plan is as before.")
    who.reads("was declined")
    changed_nothing(who)


@pytest.mark.long
def test_a_bank_that_refuses_leaves_the_plan_and_can_be_asked_again(begin: Begin) -> None:
    who = begin()
    chooses_card(who, SECURE, asks=True)
    who.looks_at("pro", "year")
    today = who.shown("Today")
    who.confirms()
    who.page.get_by_role("button", name="Confirm with Visa ending 3184").wait_for()
    invoice = who.page.url
    who.page.get_by_role("button", name="Confirm with Visa ending 3184").click()
    who.page.get_by_role("button", name="Fail").click()
    expect(who.page).to_have_url(re.compile("/billing|/invoice/"))
    changed_nothing(who)
    who.page.goto("/billing")
    who.reads("You are still on Pro")
    who.page.goto(invoice)
    card(SECURE)(who.page, who.stack)
    who.page.get_by_role("button", name="Complete").click()
    until(lambda: who.charges() == [4900, today], "the change to be paid", 30)
    until(lambda: who.holds() == ("pro", "year"), "the plan to change", 30)
    changed_once(who, today)


@pytest.mark.long
@pytest.mark.usefixtures("alone")
def test_a_change_that_is_not_paid_within_a_day_is_dropped(begin: Begin) -> None:
    who = begin()
    chooses_card(who, DECLINES)
    who.looks_at("pro", "year")
    who.confirms()
    who.reads("was declined")
    who.stack.advance(timedelta(hours=25))
    until(lambda: not _is_pending(who), "the change to be dropped", 30)
    upgrade_books.settled(who.stack, who.buyer.org_id).nothing_waits()
    changed_nothing(who)
    who.page.goto("/billing")
    expect(who.main).not_to_contain_text("was declined")
    who.looks_at("pro", "year")
    assert who.shown("Today") > 0


def chooses_card(who: Subscriber, number: str, *, asks: bool = False) -> None:
    """Add a card in Stripe's portal, from the button of the billing page."""
    who.page.goto("/billing")
    who.main.get_by_role("button", name="Change the card").click()
    other_card(number, asks=asks)(who.page, who.stack)


def _is_pending(who: Subscriber) -> bool:
    return any(each["pending_update"] for each in upgrade_books.read(who.stack, who.buyer.org_id).subscriptions)


PLANS = """
[meters.api_calls]
name = "API calls"
unit = "call"
aggregation = "sum"
""" + "".join(
    f"""
[plans.{key}]
name = "{key.capitalize()}"
summary = "A plan."
{more}
prices.USD = {{ month = "{month}", year = "{year}" }}
[plans.{key}.limits]
jobs_at_once = 1
file_bytes = 1000
requests_per_minute = 600
retention_days = 30
[plans.{key}.meters.api_calls]
policy = "block"
allowance = {allowance}
"""
    for key, month, year, allowance, more in (
        ("free", "0", "0", 100, "default = true"),
        ("small", "19.99", "199.90", 1_000, ""),
        ("tried", "29.00", "290.00", 2_000, "trial_days = 14"),
        ("large", "49.95", "499.50", 5_000, ""),
    )
)  # fmt: skip


class Kind(NamedTuple):
    """A change between two plans at intervals; `later`: at the period's end; `undone`: then taken back."""

    plan: str
    interval: str
    to: str
    to_interval: str
    later: bool = False
    undone: bool = False


KINDS = {
    "a higher plan at once": Kind("small", "month", "large", "month"),
    "from months to a year at once": Kind("small", "month", "small", "year"),
    "a higher plan by the year at once": Kind("small", "month", "large", "year"),
    "a lower plan at the period's end": Kind("large", "month", "small", "month", later=True),
    "a lower plan, undone": Kind("large", "month", "small", "month", later=True, undone=True),
    "from a year to months, undone": Kind("small", "year", "small", "month", later=True, undone=True),
    "another plan in a trial": Kind("tried", "month", "large", "month"),
}


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_each_kind_of_change_charges_what_it_showed_and_so_does_the_next_renewal(
    chromium: Browser, tmp_path: Path
) -> None:
    """A month passes once for all of them; what is paid by the year renews in the API's matrix."""
    catalogue = tmp_path / "plans.toml"
    catalogue.write_text(PLANS, encoding="utf-8")
    with running() as own, ExitStack() as closing:
        own.flask("catalog", "apply", str(catalogue))
        own.flask("catalog", "push")
        cases = [(kind, percent) for kind in KINDS for percent in (None, 20)]
        renewing: list[tuple[str, Subscriber, list[int], int]] = []
        for (kind, percent), buyer in zip(cases, make_customers(own, len(cases)), strict=True):
            context = new_context(chromium, own.base, state=buyer.state)
            closing.callback(context.close)
            who = Subscriber(Journey(own, buyer, watch(context.new_page())))
            shown = change(who, KINDS[kind], percent)
            assert who.journey.findings == [], kind
            renewing.append((f"{kind}, {percent}", who, who.charges(), shown))
        own.advance(timedelta(days=32))
        upgrade_books.wait_for_events(own, "all events to be applied", 120)
        for case, who, before, shown in renewing:
            yearly = who.holds()[1] == "year"
            assert who.charges()[len(before) :] == ([] if yearly else [shown]), case
        for (kind, _), (case, who, _, _) in zip(cases, renewing, strict=True):
            wanted = KINDS[kind]
            ends_on = (wanted.plan, wanted.interval) if wanted.undone else (wanted.to, wanted.to_interval)
            assert who.holds() == ends_on, case


def change(who: Subscriber, kind: Kind, percent: int | None) -> int:
    """Buy the plan, change it, and return what is shown as the next payment."""
    name = kind.plan.capitalize()
    welcome = f"Your trial of {name} has started" if kind.plan == "tried" else f"You are on {name}"
    who.buys(kind.plan, welcome, kind.interval, OTHER_GOOD if percent else GOOD)
    if percent:
        who.gets_coupon(percent)
    if not kind.later:
        after = who.changes_now(kind.to, kind.to.capitalize(), kind.to_interval)
        assert who.next_payment() == after
        return after
    planned = who.changes_later(kind.to, kind.to_interval)
    return who.undoes(kind.to, kind.plan.capitalize(), kind.to_interval) if kind.undone else planned
