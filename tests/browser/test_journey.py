"""What a customer sets out to do, from the first page on, against the whole installation; with scripts and without."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import people
from tests.browser.api import Caller
from tests.browser.chrome import Watched, sign_in
from tests.browser.inside import Customer
from tests.browser.stack import Stack, until
from tests.support.copy import copy

Open = Callable[..., Watched]
OF_THOUSAND = re.compile(r"^\s*\d+ of 1,000 calls")
SOON = 31_000
"""Milliseconds: the bars look again after ten seconds while events come in, after thirty when they do not."""
A_DAY = timedelta(days=1)
both = pytest.mark.parametrize("js", [True, False], ids=["with-scripts", "without-scripts"])
either = pytest.mark.parametrize(
    "js", [pytest.param(True, id="with-scripts"), pytest.param(False, id="without-scripts", marks=pytest.mark.long)]
)


class Live:
    """The dashboard, left open: with scripts it must change by itself, without them it is loaded again."""

    def __init__(self, page: Page, *, js: bool) -> None:
        self.page, self.js = page, js
        if js:
            page.clock.install()  # so that half a minute of the page's is none of ours
        page.goto("/dashboard")
        if js:
            page.evaluate("window.neverReloaded = true")

    def shows(self, what: Locator) -> None:
        if self.js:
            self.page.clock.fast_forward(SOON)
        else:
            self.page.reload()
        expect(what.first).to_be_visible()
        assert not self.js or self.page.evaluate("window.neverReloaded === true")


@pytest.mark.slow
def test_the_line_that_make_run_prints_moves_the_bar_of_its_account(open_page: Open, stack: Stack) -> None:
    page = open_page().page
    sign_in(page, "steady@demo.example", stack.password("steady@demo.example"))
    live, bar = Live(page, js=True), page.locator("#meter-api_calls")
    before = int(bar.get_by_text(OF_THOUSAND).inner_text().split()[0])
    people.run(stack.demo["curl"])
    live.shows(bar.get_by_text(f"{before + 10} of 1,000 calls"))


@both
@pytest.mark.usefixtures("alone")
@pytest.mark.slow
def test_from_sign_up_to_the_limit(open_page: Open, stack: Stack, js: bool) -> None:
    stack.leave_days_in_month(3)
    watched = open_page(js=js)
    page = watched.page
    people.sign_up(page, stack)
    expect(page.get_by_text(copy("state.waiting"))).to_be_visible()
    secret, line = people.make_key(page)
    page.get_by_role("link", name="I have copied the key").click()
    until(lambda: secret not in page.content(), "the page that no longer shows the key")

    live, bar = Live(page, js=js), page.locator("#meter-api_calls")
    assert people.run(line) == {"recorded": 1, "duplicates": 0, "refused": []}
    live.shows(bar.get_by_text("1 of 1,000 calls"))
    expect(page.get_by_role("listitem").filter(has_text="Send your first event").get_by_label("Done")).to_be_visible()

    caller = Caller(stack.base, secret)
    assert caller.send("api_calls", 399)[0] == 200
    stack.advance(A_DAY)  # Free takes at most 500 calls of one day
    assert caller.send("api_calls", 400)[0] == 200
    live.shows(page.get_by_role("heading", name="API calls: 80 % used"))
    stack.advance(A_DAY)
    assert caller.send("api_calls", 200)[0] == 200
    live.shows(page.get_by_role("heading", name="API calls: 100 % reached"))

    status, problem = caller.send("api_calls", 1)
    assert (status, problem["code"]) == (429, "quota_exceeded")
    page.get_by_role("region", name="API calls: 100 % reached").get_by_role("link", name="Upgrade to Pro").click()
    assert problem["upgrade_url"] == f"{stack.base}/billing/upgrade/pro"
    expect(page).to_have_url(re.compile(f"^{re.escape(problem['upgrade_url'])}"))
    expect(page.get_by_role("button", name=copy("upgrade.pay", amount="$49.00"))).to_be_visible()
    assert watched.findings == []


@pytest.mark.slow
@either
def test_one_click_from_a_meter_says_what_eats_it_and_page_api_and_csv_agree(
    open_page: Open, stack: Stack, customers: Iterator[Customer], js: bool
) -> None:
    customer = next(customers)
    page = open_page(js=js, state=customer.state).page
    caller = Caller(stack.base, customer.key)
    for quantity in (7, 11, 240):
        assert caller.send("api_calls", quantity)[0] == 200
    page.goto("/dashboard")
    page.locator("#meter-api_calls").get_by_role("link", name="API calls").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage")
    page.get_by_role("link", name="API key", exact=True).click()
    row = page.get_by_role("row").filter(has_text="First")
    expect(row).to_contain_text("258")
    in_file = csv.DictReader(io.StringIO(_download(page)))
    in_api = next(each for each in caller.get("/usage/current")[1]["meters"] if each["meter"] == "api_calls")
    assert sum(Decimal(each["quantity"]) for each in in_file) == Decimal(in_api["used"]) == 258


@pytest.mark.slow
def test_a_revoked_key_is_refused_within_a_second(open_page: Open, stack: Stack, customers: Iterator[Customer]) -> None:
    customer = next(customers)
    page = open_page(state=customer.state).page
    caller = Caller(stack.base, customer.key)
    assert {caller.get("/limits")[0] for _ in range(12)} == {200}  # every process has seen it work
    people.revoke_key(page, "First")
    expect(page.get_by_text("Key First revoked.")).to_be_visible()
    until(lambda: {caller.get("/limits")[0] for _ in range(12)} == {401}, "the key to be refused everywhere", 1)


@either
@pytest.mark.slow
def test_an_invited_colleague_joins_from_the_mailbox(
    open_page: Open, stack: Stack, customers: Iterator[Customer], js: bool
) -> None:
    owner, guest = open_page(js=js, state=next(customers).state).page, open_page(js=js).page
    email = f"colleague-{uuid4().hex[:8]}@journey.example"
    owner.goto("/settings/members")
    owner.get_by_label("Email address").fill(email)
    owner.get_by_label("Role").select_option("Viewer")
    owner.get_by_role("button", name="Send invitation").click()
    expect(owner.get_by_role("row").filter(has_text=email)).to_contain_text("Invited")

    people.open_mail(guest, stack, email, "/invitations/")
    guest.get_by_label("Your name").fill("Colin Colleague")
    guest.get_by_label("Password", exact=True).fill(people.PASSWORD)
    guest.get_by_role("button", name="Create account and join").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Dashboard")
    expect(guest.get_by_role("banner")).to_contain_text("Paula Buyer")
    owner.reload()
    expect(owner.get_by_role("row").filter(has_text="Colin Colleague")).to_contain_text("Viewer")


@either
@pytest.mark.slow
def test_signing_out_makes_the_cookie_worthless(open_page: Open, stack: Stack, js: bool) -> None:
    page = open_page(js=js).page
    sign_in(page, "high@demo.example", stack.password("high@demo.example"))
    stolen = page.context.storage_state()
    page.locator("summary").filter(has_text="Account of").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    thief = open_page(js=js, state=stolen).page
    thief.goto("/dashboard")
    expect(thief).to_have_url(re.compile("/sign-in"))


def _download(page: Page) -> str:
    """The file behind the button; fetched with the page's own cookies."""
    address = page.get_by_role("link", name="Download CSV").get_attribute("href")
    assert address is not None
    return page.context.request.get(address).text()
