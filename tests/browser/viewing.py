"""Staff who view a customer's pages, in a session of their own: the shared one stays staff's."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.stack import Stack
from tests.browser.steps import fill, follow, press

_STAFF = "staff@demo.example"


def viewed(page: Page, stack: Stack) -> None:
    """Sign in anew, and open the pages of a demo organisation."""
    page.context.clear_cookies()
    page.goto("/sign-in")
    fill(email=_STAFF, password=stack.password(_STAFF))(page, stack)
    press("Sign in")(page, stack)
    page.goto("/admin/orgs?q=Overflow")
    follow("Overflow Imaging")(page, stack)
    press("View as customer")(page, stack)


def refused(page: Page, stack: Stack) -> None:
    """The same, and ask for a page of staff's."""
    viewed(page, stack)
    page.goto("/admin/plans")
