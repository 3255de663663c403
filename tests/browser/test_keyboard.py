"""The portal without a mouse: everything is reached, seen, opened and closed by keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chrome import Watched, sign_in
from tests.browser.inside import State
from tests.browser.stack import Stack

Open = Callable[..., Watched]
AsPerson = Callable[..., Page]
# What the Tab key must reach: shown, enabled, and of a kind that takes the focus; of radio buttons the group counts.
_STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled && each.type !== "hidden"
    && each.getAttribute("tabindex") !== "-1"
    && !(each.type === "radio" && !each.checked)).length"""
_HERE = """() => {
  const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
  const spot = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height, innerHeight - box.y) / 2);
  each.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length);
  return {stop: each.dataset.stop, words: each.outerHTML.slice(0, 90), tag: each.tagName,
    ring: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    covered: spot !== null && !each.contains(spot) && !spot.contains(each)};
}"""


@pytest.fixture
def as_person(open_page: Open, demo_states: dict[str, State]) -> AsPerson:
    """A page of a demo account that is signed in: `as_person("near", "/usage", width=375)`."""

    def make(who: str, path: str = "/dashboard", **wanted: int) -> Page:
        page = open_page(state=demo_states[who], **wanted).page
        page.goto(path)
        return page

    return make


PATHS = ["/dashboard", "/usage", "/plans", "/settings", "/settings/members", "/settings/keys"]
WIDTHS = [375, 1280]
IN_EVERY_RUN = {(path, WIDTHS[number % 2]) for number, path in enumerate(PATHS)}


@pytest.mark.parametrize(
    ("path", "width"),
    [pytest.param(*each, marks=[] if each in IN_EVERY_RUN else [pytest.mark.long]) for each in product(PATHS, WIDTHS)],
)
def test_tab_reaches_every_control_and_its_ring_is_seen(as_person: AsPerson, path: str, width: int) -> None:
    page = as_person("high", path, width=width)
    wanted = page.evaluate(_STOPS)
    seen: dict[str, dict[str, object]] = {}
    for _ in range(wanted * 2):  # a date has a stop for each of its parts
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here["tag"] == "BODY":
            break
        seen[here["stop"]] = here
    assert len(seen) == wanted
    assert [each["words"] for each in seen.values() if each["ring"] < 2 or each["covered"]] == []


def test_the_skip_link_is_the_first_stop_and_leads_past_the_navigation(as_person: AsPerson) -> None:
    page = as_person("near")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("link").first).to_be_focused()


@pytest.mark.slow
def test_the_account_menu_opens_by_enter_closes_by_escape_and_gives_the_focus_back(
    as_person: AsPerson,
) -> None:
    page = as_person("near")
    menu = page.locator("summary").filter(has_text="Account of")
    menu.press("Enter")
    out = page.get_by_role("button", name="Sign out")
    expect(out).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.locator(".user-menu").get_by_role("link", name="Settings")).to_be_focused()
    page.keyboard.press("Escape")
    expect(out).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_theme_is_chosen_by_keys_and_stays(as_person: AsPerson) -> None:
    page = as_person("full")
    page.locator("summary").filter(has_text="Account of").press("Enter")
    page.get_by_role("button", name="Dark").press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/usage")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_another_organisation_is_chosen_by_keys(open_page: Open, stack: Stack) -> None:
    page = open_page().page
    sign_in(page, "billing@demo.example", stack.password("billing@demo.example"))  # a session that others do not share
    switcher = page.locator("summary").filter(has_text="Organisation")
    switcher.press("Enter")
    choices = page.locator(".org-menu").get_by_role("button")
    other = choices.filter(has_not=page.locator("[aria-current]")).last
    name = other.inner_text().splitlines()[0]
    other.press("Enter")
    expect(page.locator("summary").filter(has_text="Organisation")).to_contain_text(name)


def test_find_opens_by_keys_and_leads_to_what_was_typed(as_person: AsPerson) -> None:
    page = as_person("over")
    page.keyboard.press("Control+k")
    words, first = page.locator("#find-words"), page.locator("#found a").first
    expect(words).to_be_focused()
    page.keyboard.type("receipt")
    expect(page.locator("#found a")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(words).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan receipt")
    page.goto("/find")
    words.fill("devices")
    words.press("Enter")  # before anything was found for it: another page stands first
    expect(page.locator("#found a")).to_have_count(1)
    expect(first).to_have_text("Devices")
    page.goto("/dashboard")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/reset"])
def test_a_form_with_errors_puts_the_focus_on_the_summary_whose_links_lead_to_the_fields(
    open_page: Open, path: str
) -> None:
    page = open_page().page
    page.goto(path)
    page.get_by_role("main").get_by_role("textbox").first.press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    link = summary.get_by_role("link").first
    target = link.get_attribute("href")
    assert target is not None
    link.press("Enter")
    expect(page.locator(target)).to_be_focused()
    expect(page.locator(target)).to_have_attribute("aria-invalid", "true")


def test_an_error_is_tied_to_its_field_for_screen_readers(open_page: Open) -> None:
    page = open_page().page
    page.goto("/sign-up")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Email address")).to_have_accessible_description(re.compile("Please fill this in"))
