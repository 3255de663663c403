"""Somebody who pays and changes their plan in a browser: amounts are read from pages, and charges at the stand-in."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser import upgrade_books
from tests.browser.inside import Customer
from tests.browser.stack import Stack, until
from tests.browser.upgrade import GOOD, MOST, Journey

AMOUNT = re.compile(r"\$([\d,]+\.\d\d)")


def cents(words: str) -> int:
    """The amount in a text, in cents: "$1,234.50" is 123450."""
    found = AMOUNT.search(words)
    assert found, words
    return int(Decimal(found[1].replace(",", "")) * 100)


class Subscriber:
    """A customer in a browser who has bought a plan."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.stack: Stack = journey.stack
        self.buyer: Customer = journey.buyer

    @property
    def page(self) -> Page:
        return self.journey.page

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def buys(self, plan: str, welcome: str, interval: str = "month", card: str = GOOD) -> None:
        """From the plan's page over Stripe's to the page that says `welcome`."""
        self.page.goto(f"/billing/upgrade/{plan}?interval={interval}")
        self.main.get_by_role("button", name=re.compile("payment|trial")).click()
        self.journey.at_stripe()
        self.journey.type_card(card)
        self.page.locator("#pay button").click()
        self.journey.returned(welcome)

    def gets_coupon(self, percent: int) -> None:
        """Staff take so many per cent off at Stripe, for ever."""
        made = upgrade_books.call(
            self.stack, "POST", "coupons", [("percent_off", str(percent)), ("duration", "forever")]
        )
        [running] = upgrade_books.read(self.stack, self.buyer.org_id).subscriptions
        upgrade_books.call(self.stack, "POST", f"subscriptions/{running['id']}", [("discounts[0][coupon]", made["id"])])

    def charges(self) -> list[int]:
        """What was charged, in order: Stripe lists the newest first, and two may be of the same second."""
        charged = upgrade_books.read(self.stack, self.buyer.org_id).charges
        return [each["amount"] for each in reversed(charged) if each["status"] == "succeeded"]

    def looks_at(self, plan: str, interval: str) -> None:
        """Open the page of a change."""
        self.page.goto(f"/billing/upgrade/{plan}?interval={interval}")

    def shown(self, label: str) -> int:
        """The sum with this label on the page of a change."""
        row = self.main.locator("dl.sums div").filter(has=self.page.get_by_text(label, exact=True))
        return cents(row.locator("strong").inner_text())

    def confirms(self) -> None:
        """Press the button with today's amount."""
        self.main.get_by_role("button", name=re.compile("^(Upgrade|Pay yearly), ")).click()

    def reads(self, words: str) -> None:
        """The page says so, in a message or in its main part."""
        expect(self.page.locator("body")).to_contain_text(words, timeout=MOST)

    def changes_now(self, plan: str, name: str, interval: str) -> int:
        """Change at once: what the page showed is charged. Returns what it showed for the next payment."""
        before = self.charges()
        self.looks_at(plan, interval)
        today, after = self.shown("Today"), self.shown("Next payment")
        self.confirms()
        self.reads(f"You are on {name} now, paid by the {interval}.")
        assert self.charges() == [*before, *([today] if today else [])]
        return after

    def changes_later(self, plan: str, interval: str) -> int:
        """Change at the period's end: nothing is charged. Returns what the billing page shows as the next payment."""
        before = self.charges()
        self.looks_at(plan, interval)
        self.main.get_by_role("button", name=re.compile("^(Change to|Pay by the) ")).click()
        expect(self.page).to_have_url(re.compile("/billing$"), timeout=MOST)
        assert self.charges() == before
        return self.next_payment()

    def undoes(self, plan: str, name: str, interval: str) -> int:
        """Take the planned change back on the page that it was planned on."""
        self.looks_at(plan, interval)
        self.main.get_by_role("button", name=f"Keep {name} as it is").click()
        expect(self.page).to_have_url(re.compile("/billing$"), timeout=MOST)
        return self.next_payment()

    def next_payment(self) -> int:
        """The next payment as the billing page shows it, calculated by Stripe."""
        self.page.goto("/billing?exact=1")
        return cents(self.page.locator("#next .card-figure").inner_text())

    def holds(self) -> tuple[Any, ...]:
        """The plan, as the API tells it."""
        status, found = self.journey.caller.get("/subscription")
        assert status == 200, found
        return found["plan"]["key"], found["interval"]

    def waits_for_charge(self, *, after: list[int]) -> list[int]:
        """What was charged since, once something was."""
        until(lambda: len(self.charges()) > len(after), "the next charge", 30)
        return self.charges()[len(after) :]
