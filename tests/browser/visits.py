"""One look at each page of the table: everything the checks need to know of it, taken once and kept."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from playwright.sync_api import Browser, Page, Response

from tests.browser.checkers import AXE, axe
from tests.browser.chrome import new_context, sign_in, turn, watch
from tests.browser.pages import PAGES, Shown
from tests.browser.stack import Stack

THEMES = ("light", "dark")
WIDTHS = (320, 375, 768, 1024, 1280, 1920)
_RESOURCES = """() => [...new Set([...performance.getEntriesByType("resource").map(each => each.name),
  ...[...document.querySelectorAll("link[href]")].map(each => each.href)])]"""
_OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return null;
  return [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > wide + 1)
    .slice(0, 2).map(each => each.outerHTML.slice(0, 100)).join(" | ") || "the page";
}"""


@dataclass(frozen=True)
class Visit:
    """What was found on one page: axe by theme, the console's complaints, its source, its bytes, what is too wide."""

    status: int
    source: str
    axe: dict[str, list[str]]
    console: list[str]
    weight: int
    too_wide: list[str]


class Visits:
    """Looks at pages with one profile an account, each page when it is first asked for."""

    def __init__(self, chromium: Browser, stack: Stack) -> None:
        self.chromium, self.stack = chromium, stack
        self._seen: dict[str, Visit] = {}
        self._states: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}

    def __getitem__(self, name: str) -> Visit:
        if name not in self._seen:
            self._seen[name] = self._look(PAGES[name])
        return self._seen[name]

    @cached_property
    def everything(self) -> dict[str, Visit]:
        """Every page of the table."""
        return {name: self[name] for name in PAGES}

    def open(self, shown: Shown, page: Page) -> Response:
        """Go to the page and bring it into its state; returns the last answer that became the page."""
        answers: list[Response] = []
        page.on("response", lambda it: answers.append(it) if _is_page(it, page) else None)
        page.goto(shown.path)
        for step in shown.steps:
            step(page, self.stack)
        return answers[-1]

    def state(self, who: str | None) -> Any:
        """The cookies of a demo account, signed in once."""
        if who is not None and who not in self._states:
            context = new_context(self.chromium, self.stack.base)
            email = f"{who}@demo.example"
            sign_in(context.new_page(), email, self.stack.password(email))
            self._states[who] = context.storage_state()
            context.close()
        return self._states.get(who or "")

    def _look(self, shown: Shown) -> Visit:
        context = new_context(self.chromium, self.stack.base, state=self.state(shown.who))
        watched = watch(context.new_page())
        page = watched.page
        answer = self.open(shown, page)
        source = answer.text()
        visit = Visit(
            status=answer.status,
            source=source,
            weight=len(gzip.compress(source.encode())) + sum(self._gzipped(page, url) for url in _resources(page)),
            axe={theme: _axe(page, theme) for theme in THEMES},
            too_wide=too_wide(page),
            console=watched.findings,
        )
        context.close()
        return visit

    def _gzipped(self, page: Page, url: str) -> int:
        if url not in self._sizes:
            self._sizes[url] = len(gzip.compress(page.context.request.get(url).body()))
        return self._sizes[url]


def _resources(page: Page) -> list[str]:
    """What it loads; an address that holds its own data is weighed with the page."""
    found: list[str] = page.evaluate(_RESOURCES)
    return [url for url in found if not url.startswith("data:")]


def _axe(page: Page, theme: str) -> list[str]:
    """On a desk and on a phone, whose layouts differ."""
    if not AXE.exists():
        return []
    found = []
    for width in (375, 1280):
        turn(page, theme=theme, width=width)
        found += [f"{width} px: {each}" for each in axe(page)]
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
