"""A plan in two versions with somebody on the first: what staff's pages of moves are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from uuid import uuid4

from playwright.sync_api import Page

from tests.browser.chrome import new_context
from tests.browser.stack import Stack, until
from tests.browser.steps import fill, new_customer, press, reprice

_numbers = count(1)
_OWN = uuid4().hex[:6]
"""This process's own: others publish at the same installation meanwhile."""
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
    with _aside(page, stack) as other:
        other.goto("/sign-up")
        email = new_customer(other, stack)
    _publish_twice(page, stack, email)


def everybody(page: Page, stack: Stack) -> None:
    """The same, and open the list of all whom the move concerns."""
    two_versions(page, stack)
    page.goto(page.url.replace("/move?", "/move/orgs?"))


def moved(page: Page, stack: Stack) -> None:
    """Move them, and wait until each is planned."""
    two_versions(page, stack)
    _move(page, stack)


def announced(page: Page, stack: Stack) -> None:
    """A new customer is on the plan, and reads on the billing page that staff move it."""
    _announce(page, stack, new_customer(page, stack))
    page.goto("/billing")
    page.locator("#move").wait_for()


def taken_back(page: Page, stack: Stack) -> None:
    """The same, and staff undo it."""
    _announce(page, stack, new_customer(page, stack), undo=True)
    undone = page.get_by_text(re.compile("^Announced change of .* undone$"))
    until(lambda: page.goto("/billing") and undone.is_visible(), "the move is undone", 60)


def _announce(page: Page, stack: Stack, email: str, *, undo: bool = False) -> None:
    with _aside(page, stack) as staff:
        _sign_in(staff, stack)
        _publish_twice(staff, stack, email)
        _move(staff, stack)
        if undo:
            press("Undo the whole move")(staff, stack)


def _move(page: Page, stack: Stack) -> None:
    fill(reason="Prices of 2027")(page, stack)
    page.locator("main [name=confirmed]").check()
    press("Move to version 2")(page, stack)
    planned = page.get_by_role("main").get_by_role("cell").get_by_text("Planned")
    until(lambda: page.reload() and planned.is_visible(), "everybody is planned", 60)


def _publish_twice(page: Page, stack: Stack, email: str) -> None:
    number = f"{_OWN}-{next(_numbers)}"
    key = f"moving_{number.replace('-', '_')}"
    _publish(page, stack, _PLAN.format(key=key, number=number))
    page.goto(f"{stack.base}/admin/orgs?q={email}")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.click()
    page.locator("main select[name=offer]").select_option(label=f"Moving {number} (private), $20.00 a month, USD")
    press("Assign plan")(page, stack)
    page.goto(f"{stack.base}/admin/plan-draft?plan={key}")
    reprice(page, stack)
    press("Check")(page, stack)
    press("Publish version 2")(page, stack)
    page.goto(f"{stack.base}/admin/plans/{key}/move?from=1&to=2")


def _publish(page: Page, stack: Stack, toml: str) -> None:
    page.goto(f"{stack.base}/admin/plan-draft")
    page.locator("main [name=toml]").fill(toml)
    press("Check")(page, stack)
    press("Publish version 1")(page, stack)


def _sign_in(page: Page, stack: Stack) -> None:
    email = "staff@demo.example"
    page.goto("/sign-in")
    fill(email=email, password=stack.password(email))(page, stack)
    press("Sign in")(page, stack)


@contextmanager
def _aside(page: Page, stack: Stack) -> Iterator[Page]:
    """A browser of somebody else."""
    browser = page.context.browser
    assert browser is not None
    context = new_context(browser, stack.base)
    try:
        yield context.new_page()
    finally:
        context.close()
