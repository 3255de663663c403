"""A plan in two versions with somebody on the first: what staff's pages of moves are about."""

from __future__ import annotations

from itertools import count

from playwright.sync_api import Page

from tests.browser.chrome import new_context
from tests.browser.stack import Stack, until
from tests.browser.steps import fill, new_customer, press, reprice

_numbers = count(1)
_PLAN = """[meters.api_calls]
name = "API calls"
unit = "call"
aggregation = "sum"

[plans.{key}]
name = "Moving {number}"
summary = "Sold in two versions."
public = false
prices.USD = {{ month = "20", year = "200" }}

[plans.{key}.meters.api_calls]
allowance = "5000"
policy = "block"

[plans.{key}.limits]
jobs_at_once = 2
file_bytes = 1000000
requests_per_minute = 60
retention_days = 30
"""


def two_versions(page: Page, stack: Stack) -> None:
    """Publish a plan, put a new customer on it, publish it again dearer, and open the page of the move."""
    number = next(_numbers)
    key = f"moving_{number}"
    _publish(page, stack, _PLAN.format(key=key, number=number))
    email = _new_customer(page, stack)
    page.goto(f"{stack.base}/admin/orgs?q={email}")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.click()
    page.locator("main select[name=offer]").select_option(label=f"Moving {number} (private), $20.00 a month, USD")
    press("Assign plan")(page, stack)
    page.goto(f"{stack.base}/admin/plan-draft?plan={key}")
    reprice(page, stack)
    press("Check")(page, stack)
    press("Publish version 2")(page, stack)
    page.goto(f"{stack.base}/admin/plans/{key}/move?from=1&to=2")


def moved(page: Page, stack: Stack) -> None:
    """Move them, and wait until each is planned."""
    two_versions(page, stack)
    fill(reason="Prices of 2027")(page, stack)
    page.locator("main [name=confirmed]").check()
    press("Move to version 2")(page, stack)
    _wait(page)


def _wait(page: Page) -> None:
    planned = page.get_by_role("main").get_by_role("cell").get_by_text("Planned")
    until(lambda: page.reload() and planned.is_visible(), "everybody is planned", 60)


def _publish(page: Page, stack: Stack, toml: str) -> None:
    page.goto(f"{stack.base}/admin/plan-draft")
    page.locator("main [name=toml]").fill(toml)
    press("Check")(page, stack)
    press("Publish version 1")(page, stack)


def _new_customer(page: Page, stack: Stack) -> str:
    """Somebody signs up, in a browser of their own; the address."""
    browser = page.context.browser
    assert browser is not None
    context = new_context(browser, stack.base)
    try:
        other = context.new_page()
        other.goto("/sign-up")
        return new_customer(other, stack)
    finally:
        context.close()
