"""The chart of costs on /plans: by slider and keyboard where scripts run, by its form where they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chrome import Watched
from tests.browser.inside import State

Open = Callable[..., Watched]


def costs(page: Page) -> list[str]:
    """The plans' costs at the usage chosen."""
    return [words.strip() for words in page.locator(".costs-now strong").all_inner_texts()]


@pytest.mark.parametrize("width", [320, 1280])
def test_the_slider_shows_what_the_server_has_priced(
    open_page: Open, demo_states: dict[str, State], width: int
) -> None:
    watched = open_page(state=demo_states["over"], width=width)
    page = watched.page
    page.goto("/plans")
    before, slider = costs(page), page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    last = page.locator("#costs-table tbody tr").last
    shown = [last.locator("td").nth(number).text_content() for number in range(len(before))]
    assert costs(page) == shown != before
    usage = last.locator("th").text_content() or ""
    expect(page.get_by_label("API calls a month")).to_have_value(usage)
    assert (slider.get_attribute("aria-valuetext") or "").startswith(f"{usage}: Free Refused, Pro $")
    page.keyboard.press("Home")
    assert costs(page)[0] == "$0.00"
    expect(page.locator(".costs-now li.is-best")).to_contain_text("Free")
    assert page.locator(".costs .chart-mark").last.get_attribute("x1") == "0%"
    assert watched.findings == []


def test_without_scripts_the_form_asks_the_server(open_page: Open, demo_states: dict[str, State]) -> None:
    page = open_page(js=False, state=demo_states["over"]).page
    page.goto("/plans")
    expect(page.get_by_role("slider")).to_be_hidden()
    page.get_by_label("API calls a month").fill("51,000")
    page.get_by_role("button", name="Show").click()
    assert costs(page) == ["Refused", "$59.00"]
    page.get_by_text("Show the numbers").click()
    expect(page.get_by_role("table", name="Cost a month by API calls")).to_be_visible()
