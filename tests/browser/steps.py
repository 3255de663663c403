"""What is done on a page to bring it into a state: steps that `pages` names in its table."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from uuid import uuid4

from playwright.sync_api import Page

from tests.browser.people import PASSWORD
from tests.browser.stack import Stack, until

Step = Callable[[Page, Stack], None]
_numbers = count(1)
_DOMAIN = f"{uuid4().hex[:8]}.shown.example"
_addresses: list[str] = []  # of the people whom steps made, the last at the end
"""This process's own: others sign up at the same installation meanwhile."""


def press(name: str) -> Step:
    """Press a button; its form is sent as it stands."""

    def step(page: Page, _: Stack) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    return step


def follow(name: str) -> Step:
    """Follow the first link of that name."""

    def step(page: Page, _: Stack) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("link", name=name).first.click()

    return step


def fill(**values: str) -> Step:
    """Write into fields by their names in the form."""

    def step(page: Page, _: Stack) -> None:
        for name, value in values.items():
            page.locator(f"main [name={name}]").fill(value)

    return step


def reprice(page: Page, _: Stack) -> None:
    """Make a draft of a plan dearer, and allow less."""
    text = page.locator("main [name=toml]")
    text.fill(re.sub(r'(month|allowance) = "\d+"', r'\1 = "123"', text.input_value()))


def menu(name: str) -> Step:
    """Open a menu of the side bar."""

    def step(page: Page, _: Stack) -> None:
        page.locator("summary", has_text=name).click()

    return step


def unfold(page: Page, _: Stack) -> None:
    """Open everything on the page that opens."""
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")


def sign_up(page: Page, stack: Stack) -> None:
    """Send the sign-up form for a new address, and stay on the page that says to look into the mail."""
    _sign_up(page, stack)


def customer(page: Page, stack: Stack) -> None:
    """Sign up and confirm the address, from the mail that went to just this one."""
    new_customer(page, stack)


def new_customer(page: Page, stack: Stack) -> str:
    """The same; the address."""
    email = _sign_up(page, stack)
    page.goto(stack.link(email, "/verify/"))
    press("Yes, confirm")(page, stack)
    return email


def _sign_up(page: Page, stack: Stack) -> str:
    email = _new_address("page")
    fill(name="Paula Page", email=email, password=PASSWORD)(page, stack)
    press("Create account")(page, stack)
    return email


def mailed(path: str) -> Step:
    """Open the newest link below `path` that was mailed to the address of the last sign-up or invitation."""

    def step(page: Page, stack: Stack) -> None:
        page.goto(stack.link(_addresses[-1], path))

    return step


def _new_address(who: str) -> str:
    """An address that nobody has: the mail of an earlier one may be the newest until this one's has arrived."""
    _addresses.append(f"{who}{next(_numbers)}@{_DOMAIN}")
    return _addresses[-1]


def invite(page: Page, stack: Stack) -> None:
    """Invite somebody new."""
    fill(email=_new_address("guest"))(page, stack)
    press("Send invitation")(page, stack)


def leave_browser(page: Page, _: Stack) -> None:
    """Become a visitor."""
    page.context.clear_cookies()


def go(path: str) -> Step:
    """Open another page."""

    def step(page: Page, _: Stack) -> None:
        page.goto(path)

    return step


def go_until(path: str, words: str | re.Pattern[str]) -> Step:
    """Open another page again and again, until what a webhook brings is on it. Others may have moved the clock."""

    def step(page: Page, _: Stack) -> None:
        until(lambda: page.goto(path) and page.get_by_text(words).count(), f"{words!r} on {path}", 60)

    return step


def to_payment(page: Page, _: Stack) -> None:
    """Press the button that leads to Stripe's page, and wait there."""
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Go (back )?to payment")).click()


def card(number: str) -> Step:
    """Type a card on the stand-in's page and send it."""

    def step(page: Page, _: Stack) -> None:
        for name, value in {"number": number, "expiry": "12 / 34", "cvc": "123", "name": "Asa Ek"}.items():
            page.locator(f"#pay [name={name}]").fill(value)
        with page.expect_navigation():
            page.locator("#pay button").click()

    return step


def other_card(number: str, *, asks: bool = False) -> Step:
    """Add a card in the stand-in's portal, which is charged from then on. If its bank `asks`, that is confirmed."""

    def step(page: Page, _: Stack) -> None:
        for name, value in {"number": number, "expiry": "12 / 34", "cvc": "123", "name": "Asa Ek"}.items():
            page.locator(f"#add-card [name={name}]").fill(value)
        with page.expect_navigation():
            page.locator("#add-card button").click()
        if asks:
            with page.expect_navigation():
                page.locator("#authenticate button").first.click()

    return step


def pay(page: Page, stack: Stack) -> None:
    """Pay on the stand-in's page with a good card, and come back."""
    to_payment(page, stack)
    card("4242424242424242")(page, stack)
    page.wait_for_url("**/billing/return?**")
    page.get_by_role("heading", name="You are on Pro").wait_for()


def hosted_invoice(page: Page, _: Stack) -> None:
    """Open the page of the newest invoice, which the address of its PDF begins with."""
    link = page.get_by_role("table", name="Billing history").get_by_role("link").first.get_attribute("href")
    assert link
    page.goto(link.removesuffix("/pdf"))


def at_stripe(path: str) -> Step:
    """Open a page of the stand-in."""

    def step(page: Page, stack: Stack) -> None:
        page.goto(f"{stack.stripe}{path}")

    return step


def give_up(page: Page, stack: Stack) -> None:
    """Leave Stripe's page without paying."""
    to_payment(page, stack)
    page.locator("a.back").click()
    page.wait_for_url(re.compile(r"/billing/upgrade/pro\?.*\bleft=1\b"))
