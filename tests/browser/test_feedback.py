"""What the portal says of what was done, of what loads, and of what could not be loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chrome import Watched
from tests.browser.inside import Customer, State

Open = Callable[..., Watched]
both = pytest.mark.parametrize("js", [True, False], ids=["with-scripts", "without-scripts"])


def add_client(page: Page, name: str) -> None:
    page.goto("/settings/clients")
    page.get_by_label("Reference").fill(name.lower())
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add client").click()


@both
def test_a_deletion_is_taken_back_by_the_message_that_tells_of_it(
    open_page: Open, customers: Iterator[Customer], js: bool
) -> None:
    page = open_page(js=js, state=next(customers).state).page
    add_client(page, "Acme")
    page.get_by_role("link", name="Edit Acme").click()
    page.get_by_role("button", name="Delete Acme").click()
    said = page.locator("#flashes .flash").filter(has_text="Client deleted.")
    expect(said).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Acme"))).to_have_count(0)
    said.get_by_role("button", name="Undo").click()
    expect(page.locator("#flashes .flash").filter(has_text="Client restored.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Acme"))).to_have_count(1)


def test_a_toast_leaves_by_itself_but_not_while_it_is_pointed_at(
    open_page: Open, customers: Iterator[Customer]
) -> None:
    page = open_page(state=next(customers).state).page
    page.clock.install()
    add_client(page, "Acme")
    toast = page.locator(".toasts .flash")
    expect(toast).to_contain_text("Client Acme saved.")
    toast.hover()
    page.clock.run_for(30_000)
    expect(toast).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(9_000)
    expect(toast).to_have_count(0)
    expect(page.locator("#flashes")).to_have_attribute("role", "status")


def test_a_toast_is_dismissed_by_its_button(open_page: Open, customers: Iterator[Customer]) -> None:
    page = open_page(state=next(customers).state).page
    add_client(page, "Acme")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toasts .flash")).to_have_count(0)


def test_without_scripts_a_message_stands_in_the_page(open_page: Open, customers: Iterator[Customer]) -> None:
    page = open_page(js=False, state=next(customers).state).page
    add_client(page, "Acme")
    toasts = page.locator(".toasts")
    expect(toasts).to_contain_text("Client Acme saved.")
    assert toasts.evaluate("each => getComputedStyle(each).position") == "static"
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)


def test_what_could_not_be_loaded_is_said_until_it_is_loaded(open_page: Open, demo_states: dict[str, State]) -> None:
    page = open_page(state=demo_states["steady"]).page
    page.goto("/dashboard")
    failing, trouble = True, page.locator("#not-loaded")

    def answer(route: Route) -> None:
        route.fulfill(status=503, body="away") if failing else route.continue_()

    page.route("**/dashboard", answer)
    for _ in range(2):
        page.locator("#bars-refresh").click()
        expect(trouble).to_be_visible()
    failing = False
    page.locator("#bars-refresh").click()
    expect(trouble).to_be_hidden()


def test_what_loads_is_busy_and_keeps_its_place(open_page: Open, demo_states: dict[str, State]) -> None:
    page = open_page(state=demo_states["steady"]).page
    page.goto("/dashboard")
    held, releasing = [], False

    def hold(route: Route) -> None:
        route.continue_() if releasing else held.append(route)

    page.route(re.compile("/find"), hold)
    page.keyboard.press("Control+k")
    page.get_by_role("searchbox").fill("usage")
    found = page.locator("#found")
    expect(found).to_have_attribute("aria-busy", "true")
    assert found.evaluate("each => getComputedStyle(each, '::before').content") == '""'
    assert found.bounding_box() is not None
    releasing = True
    for route in held:
        route.continue_()
    expect(found.get_by_role("link").first).to_be_visible()
    expect(page.locator("#found")).not_to_have_attribute("aria-busy", "true")


@pytest.mark.parametrize("path", ["/usage", "/billing", "/billing/usage", "/billing/statement", "/billing/receipt"])
def test_a_printed_page_says_whose_figures_it_has_and_as_of_when(
    open_page: Open, demo_states: dict[str, State], path: str
) -> None:
    page = open_page(state=demo_states["over"]).page
    page.goto(path)
    head = page.locator(".print-only").first
    expect(head).to_be_hidden()
    page.emulate_media(media="print")
    expect(head).to_be_visible()
    expect(head).to_have_text(re.compile(r"Overflow Imaging\. .+\. As of \d{1,2}\s\w{3}\s2026, \d\d:\d\d UTC"))
