"""A customer who upgrades: each step by the links, forms and buttons that the pages show."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.api import Caller
from tests.browser.chrome import Watched, watch
from tests.browser.inside import Customer
from tests.browser.stack import Stack
from tests.support.copy import copy

GOOD, OTHER_GOOD = "4242 4242 4242 4242", "5555 5555 5555 4444"
DECLINED, SECURE = "4000 0000 0000 0002", "4000 0027 6000 3184"
A_DAY = 500
"""The calls that the Free plan takes on one day."""
TO_PAYMENT = re.compile("^Go (back )?to payment")
MOST = 15_000
"""Milliseconds for a step in which Stripe is asked; on a busy machine it may need them."""
RETURNED = re.compile(r"/billing/return\?")


class Journey:
    """One customer in one browser; `page` is the tab that was opened last."""

    def __init__(self, stack: Stack, buyer: Customer, first: Watched) -> None:
        self.stack, self.buyer = stack, buyer
        self.caller = Caller(stack.base, buyer.key)
        self.tabs = [first]

    @property
    def page(self) -> Page:
        return self.tabs[-1].page

    @property
    def findings(self) -> list[str]:
        """What console and content policy complained about, in any tab."""
        return [each for tab in self.tabs for each in tab.findings]

    def new_tab(self) -> Page:
        """Another tab of the same browser."""
        self.tabs.append(watch(self.page.context.new_page()))
        return self.page

    # From the limit to the payment page

    def reach_limit(self) -> str:
        """Use up the day, be refused one more; returns where the refusal leads."""
        assert self.caller.send("api_calls", A_DAY)[0] == 200
        status, problem = self.caller.send("api_calls", 1)
        assert (status, problem["code"]) == (429, "quota_exceeded")
        return str(problem["upgrade_url"])

    def at_limit(self) -> None:
        """Reach the limit, and follow the dashboard's prompt to the page that sells the plan."""
        leads_to = self.reach_limit()
        self.page.goto("/dashboard")
        self.follow_prompt(leads_to)

    def follow_prompt(self, leads_to: str) -> None:
        """From the dashboard to the plan's page, which the refusal's link names too."""
        prompt = self.page.get_by_role("region", name=copy("dashboard.window_prompt", meters="API calls", most=A_DAY))
        prompt.get_by_role("link", name="Upgrade to Pro, $49 a month").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Upgrade to Pro")
        assert leads_to == f"{self.stack.base}/billing/upgrade/pro"
        expect(self.page).to_have_url(re.compile(f"^{re.escape(leads_to)}"))

    def to_payment(self) -> None:
        """Press the button that leads to Stripe's page."""
        self.page.get_by_role("button", name=TO_PAYMENT).click()
        self.at_stripe()

    def at_stripe(self) -> None:
        """Stripe's payment page stands in the tab."""
        expect(self.page).to_have_url(re.compile(f"^{re.escape(self.stack.stripe)}/c/pay/"), timeout=MOST)

    def to_stripe(self) -> None:
        """All of it: the limit, the prompt, the button."""
        self.at_limit()
        self.to_payment()

    # On Stripe's page

    def type_card(self, number: str) -> None:
        """Fill in the card form."""
        self.page.get_by_label("Card number").fill(number)
        self.page.get_by_label("Expiry").fill("12 / 34")
        self.page.get_by_label("CVC").fill("123")
        self.page.get_by_label("Name on card").fill("Paula Buyer")

    def pay(self, number: str = GOOD) -> None:
        """Send the card form."""
        self.type_card(number)
        self.page.get_by_role("button", name="Subscribe", exact=True).click()

    def refused(self, words: str) -> None:
        """Stripe's page says why a card did not do."""
        expect(self.page.get_by_role("alert")).to_have_text(words)

    def answer_bank(self, button: str) -> None:
        """The 3-D Secure step: `Complete` or `Fail`."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Confirm that it's you")
        self.page.get_by_role("button", name=button).click()

    def pay_and_close_tab(self) -> None:
        """Pay, and the browser is gone before the return page is asked for: Stripe's answer reaches nobody."""
        self.type_card(GOOD)
        led: list[str] = []

        def send_only(route: Route) -> None:
            led.append(route.fetch(max_redirects=0).headers["location"])

        self.page.route(f"{self.stack.stripe}/c/pay/**", send_only)
        self.page.get_by_role("button", name="Subscribe", exact=True).click(no_wait_after=True)
        while not led:
            self.page.wait_for_timeout(20)
        assert RETURNED.search(led[0])
        self.page.context.close()

    # Afterwards

    def returned(self, title: str = "You are on Pro") -> None:
        """Back on our return page, which says this in the end."""
        expect(self.page).to_have_url(RETURNED, timeout=MOST)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title, timeout=MOST)

    def has_pro(self, paid: str = "$49.00", card: str = "Visa", last4: str = "4242", used: int = 0) -> None:
        """The new limit, the payment and the card, as dashboard and billing page show them; and the API takes more.

        `used`: since the plan began, which begins a usage period of its own.
        """
        self.page.goto("/dashboard")
        expect(self.page.locator("#meter-api_calls")).to_contain_text(f"{used} of 50,000 calls")
        self.page.goto("/billing")
        main = self.page.get_by_role("main")
        expect(main.get_by_text(f"{card} ending {last4}")).to_be_visible()
        rows = main.get_by_role("table", name="Billing history").locator("tbody tr")
        expect(rows).to_have_count(1)
        for words in ("Pro plan", "Paid", f"{card} {last4}", paid):
            expect(rows).to_contain_text(words)
        assert self.caller.send("api_calls", A_DAY + 1)[0] == 200

    def has_free(self) -> None:
        """Nothing was granted: the page says Free, and the API refuses still."""
        self.page.goto("/dashboard")
        expect(self.page.get_by_role("main")).to_contain_text("Free plan")
        expect(self.page.locator("#meter-api_calls")).to_contain_text("of 1,000 calls")
        self.page.goto("/billing")
        expect(self.page.get_by_role("main")).to_contain_text("Nothing is due")
