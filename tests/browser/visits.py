"""One visit to a page of the table: everything that is to be said against it, judged while it stands."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playwright.sync_api import Browser, Page, Response

from tests.browser.checkers import axe
from tests.browser.chrome import new_context, turn, watch
from tests.browser.inside import State
from tests.browser.pages import PAGES, Shown
from tests.browser.stack import Stack
from tests.support.sampling import THEMES, Look

__all__ = ["THEMES", "Visits", "too_wide"]

WIDTHS = (320, 375, 768, 1024, 1280, 1920)
HEAVIEST = 60_000
"""Bytes of a page with all that it loads, gzipped."""
_RESOURCES = """() => [...new Set([...performance.getEntriesByType("resource").map(each => each.name),
  ...[...document.querySelectorAll("link[href]")].map(each => each.href)])]"""
_OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return null;
  return [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > wide + 1)
    .slice(0, 2).map(each => each.outerHTML.slice(0, 100)).join(" | ") || "the page";
}"""


class Visits:
    """Looks at pages as demo accounts, whose cookies are `states`. `markup` says what is wrong with a source."""

    def __init__(self, chromium: Browser, stack: Stack, states: Mapping[str, State],
                 markup: Callable[[str], list[str]] | None = None) -> None:  # fmt: skip
        self.chromium, self.stack, self.states, self.markup = chromium, stack, states, markup
        self._sizes: dict[str, int] = {}

    def findings(self, name: str, looks: Sequence[Look]) -> dict[str, Any]:
        """What there is to say against a page, by judge: nothing, of a page as it should be."""
        shown = PAGES[name]
        theme, width = looks[0]
        context = new_context(
            self.chromium,
            self.stack.base,
            state=self.states[shown.who] if shown.who else None,
            theme=theme,
            width=width,
        )
        watched = watch(context.new_page())
        page = watched.page
        answer = self.open(shown, page)
        source = answer.text()
        weight = len(gzip.compress(source.encode())) + sum(self._gzipped(page, url) for url in _resources(page))
        found: dict[str, Any] = {
            "status": answer.status if answer.status != shown.status else None,
            "html-validate": self.markup(source) if self.markup else [],
            "axe": judged_by_axe(page, looks),
            "bytes": weight if weight > HEAVIEST else None,
            "too wide": too_wide(page),
            "console and content policy": watched.findings,
        }
        context.close()
        return {judge: said for judge, said in found.items() if said}

    def open(self, shown: Shown, page: Page) -> Response:
        """Go to the page and bring it into its state; returns the last answer that became the page."""
        answers: list[Response] = []
        page.on("response", lambda it: answers.append(it) if _is_page(it, page) else None)
        page.goto(shown.path)
        for step in shown.steps:
            step(page, self.stack)
        return answers[-1]

    def _gzipped(self, page: Page, url: str) -> int:
        if url not in self._sizes:
            self._sizes[url] = len(gzip.compress(page.context.request.get(url).body()))
        return self._sizes[url]


def _resources(page: Page) -> list[str]:
    """What it loads; an address that holds its own data is weighed with the page."""
    found: list[str] = page.evaluate(_RESOURCES)
    return [url for url in found if not url.startswith("data:")]


def judged_by_axe(page: Page, looks: Sequence[Look]) -> list[str]:
    """Axe in each look, of which the page has the first already; what only colours can break again in another theme."""
    found = []
    whole: set[int] = set()
    for theme, width in looks:
        if (theme, width) != looks[0]:
            turn(page, theme=theme, width=width)
        found += [f"{theme} {width} px: {each}" for each in axe(page, colours=width in whole)]
        whole.add(width)
    return found


def too_wide(page: Page) -> list[str]:
    """The widths at which the page needs scrolling sideways, with what sticks out."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 720})
        if over := page.evaluate(_OVERFLOW):
            found.append(f"{width} px: {over}")
    return found


def _is_page(answer: Response, page: Page) -> bool:
    return answer.request.is_navigation_request() and answer.frame == page.main_frame
