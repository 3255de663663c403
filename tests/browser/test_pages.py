"""Every page in its states, on the real installation: accessible, valid, silent, light, no wider than the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.checkers import AXE
from tests.browser.inside import State
from tests.browser.pages import PAGES
from tests.browser.sampled import PICKS
from tests.browser.stack import Stack
from tests.browser.visits import Visits
from tests.node import need
from tests.support.sampling import LOOKS, Look


@pytest.fixture(scope="session")
def visits(
    chromium: Browser, stack: Stack, demo_states: dict[str, State], markup: Callable[[str], list[str]]
) -> Visits:
    need(AXE)
    return Visits(chromium, stack, demo_states, markup)


@pytest.mark.parametrize(("name", "looks"), [(name, each.looks) for name, each in PICKS.items()], ids=list(PICKS))
def test_a_page_that_was_picked_has_no_finding(visits: Visits, name: str, looks: Sequence[Look]) -> None:
    assert visits.findings(name, looks) == {}


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_finding_in_any_theme_or_width(visits: Visits, name: str) -> None:
    assert visits.findings(name, LOOKS) == {}
