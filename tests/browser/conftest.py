"""One installation and one Chromium for all browser tests of a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.chrome import CHROMIUM, Watched, chromium_browser, new_context, watch
from tests.browser.stack import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything once; stop it as Ctrl-C does."""
    with running(tmp_path_factory.mktemp("stack") / "instance", tmp_path_factory.getbasetemp() / "stack.log") as it:
        yield it


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without it the browser tests skip, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and in CI nothing skips")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def open_page(chromium: Browser, stack: Stack) -> Iterator[Callable[..., Watched]]:
    """Open a page in a browser of its own: `open_page(js=True, width=1280, theme="light", state=...)`."""
    contexts: list[BrowserContext] = []

    def make(**wanted: Any) -> Watched:
        contexts.append(new_context(chromium, stack.base, **wanted))
        return watch(contexts[-1].new_page())

    yield make
    for context in contexts:
        context.close()
