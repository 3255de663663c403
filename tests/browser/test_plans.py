"""The chart of costs on /plans: by slider and keyboard where scripts run, by its form where they do not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.chrome import Watched
from tests.browser.inside import State

Open = Callable[..., Watched]


@pytest.mark.parametrize("width", [320, 1280])
def test_the_slider_shows_the_servers_prices(open_page: Open, demo_states: dict[str, State], width: int) -> None:
    """The range of the chart ends at 100,000 calls: $549 on Pro."""
    watched = open_page(state=demo_states["over"], width=width)
    page = watched.page
    page.goto("/plans")
    slider, costs = page.get_by_role("slider"), page.locator(".costs-now strong")
    slider.focus()
    page.keyboard.press("End")
    expect(costs).to_have_text(["Refused", "$549.00"])
    expect(page.locator("#costs-table tbody tr").last).to_have_text(re.compile(r"100,000\s*Refused\s*\$549\.00"))
    expect(page.get_by_label("API calls a month")).to_have_value("100,000")
    expect(slider).to_have_attribute("aria-valuetext", "100,000: Free Refused, Pro $549.00")
    page.keyboard.press("Home")
    expect(costs).to_have_text(["$0.00", "$49.00"])
    expect(page.locator(".costs-now li.is-best")).to_contain_text("Free")
    expect(page.locator(".costs .chart-mark").last).to_have_attribute("x1", "0%")
    assert watched.findings == []


@pytest.mark.slow
def test_without_scripts_the_form_asks_the_server(open_page: Open, demo_states: dict[str, State]) -> None:
    page = open_page(js=False, state=demo_states["over"]).page
    page.goto("/plans")
    expect(page.get_by_role("slider")).to_be_hidden()
    page.get_by_label("API calls a month").fill("51,000")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".costs-now strong")).to_have_text(["Refused", "$59.00"])
    page.get_by_text("Show the numbers").click()
    expect(page.get_by_role("table", name="Cost a month by API calls")).to_be_visible()
