"""The system's Chromium, what it complains about, and what a person does first: sign in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Chromium without its windows: a page takes a third of the processor time that it takes the others."""
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Chromium itself says so of every answer of 400 and above, also of one that a test asks for.
EXPECTED = "Failed to load resource: the server responded with a status of 4"
# Hidden for no frame at all, so that every style is computed anew.
_THEMED = """theme => {
  const root = document.documentElement;
  root.dataset.theme = theme;
  root.hidden = true;
  root.getBoundingClientRect();
  root.hidden = false;
}"""
_SETTLED = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  await Promise.allSettled(document.getAnimations().map(each => each.finished));
}"""


@dataclass
class Watched:
    """A page and what its console and its content policy complained about."""

    page: Page
    findings: list[str] = field(default_factory=list)


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """One browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(chromium: Browser, base: str, *, js: bool = True, width: int = 1280, theme: str = "light",
                state: Any = None) -> BrowserContext:  # fmt: skip
    """A profile of its own: nothing is shared with others but what `state` brings."""
    return chromium.new_context(
        base_url=base,
        java_script_enabled=js,
        viewport={"width": width, "height": 720},
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        storage_state=state,
        locale="en-GB",
    )


def watch(page: Page) -> Watched:
    """Collect what the console says at warning and above, uncaught errors and policy violations."""
    watched = Watched(page)

    def said(message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED):
            watched.findings.append(f"{message.type}: {message.text}")

    page.on("console", said)
    page.on("pageerror", lambda error: watched.findings.append(f"uncaught: {error}"))
    page.set_default_timeout(8_000)
    return watched


def sign_in(page: Page, email: str, password: str) -> None:
    """Sign in through the form, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard")


def turn(page: Page, *, theme: str | None = None, width: int | None = None, height: int = 720) -> None:
    """Another theme or size, and the two frames after which no colour is on its way any more.

    The theme is set on the root too, as the server does for who chose one: Chromium leaves some colours as they were
    when only the emulated preference changes under a page that stands.
    """
    if theme is not None:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.evaluate(_THEMED, theme)
    if width is not None:
        page.set_viewport_size({"width": width, "height": height})
    page.evaluate(_SETTLED)
