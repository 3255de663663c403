"""Every page in its states, on the real installation: accessible, valid, silent, light, no wider than the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.checkers import AXE, HTML_VALIDATE, html_validate
from tests.browser.pages import PAGES
from tests.browser.stack import Stack
from tests.browser.visits import THEMES, Visits
from tests.node import need

pytestmark = pytest.mark.browser
HEAVIEST = 60_000
every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def visits(chromium: Browser, stack: Stack) -> Visits:
    return Visits(chromium, stack)


@pytest.fixture(scope="module")
def markup(visits: Visits, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The errors in the source of each page, as the server sent it."""
    need(HTML_VALIDATE)
    folder = tmp_path_factory.mktemp("pages")
    for name, visit in visits.everything.items():
        (folder / f"{name}.html").write_text(visit.source, encoding="utf-8")
    return html_validate(folder)


@every_page
def test_the_page_answers_with_its_status(visits: Visits, name: str) -> None:
    assert visits[name].status == PAGES[name].status


@pytest.mark.parametrize("theme", THEMES)
@every_page
def test_axe_has_nothing_to_say(visits: Visits, name: str, theme: str) -> None:
    need(AXE)
    assert visits[name].axe[theme] == []


@every_page
def test_the_markup_is_valid(markup: dict[str, list[str]], name: str) -> None:
    assert markup.get(name, []) == []


@every_page
def test_console_and_content_policy_have_nothing_to_say(visits: Visits, name: str) -> None:
    assert visits[name].console == []


@every_page
def test_the_page_with_all_it_loads_is_within_60_kb_gzipped(visits: Visits, name: str) -> None:
    assert visits[name].weight <= HEAVIEST


@every_page
def test_no_width_from_320_px_needs_scrolling_sideways(visits: Visits, name: str) -> None:
    assert visits[name].too_wide == []
