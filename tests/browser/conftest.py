"""One installation for all browser tests of a run, in whatever process they run, and one Chromium a process.

Tests on it do not disturb one another because
- each makes the orgs and accounts that it changes, under addresses of its own, or only looks at the demo's;
- none leans on where the business clock stands, which others have moved forward by a few days;
- who moves that clock or turns the stand-in's switches asks for `alone`, and then has the installation to itself until
  the test ends, its switches back as they were. Everybody else shares it: two processes look at pages side by side.
A test that kills parts of its installation starts one of its own (`stack.running`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.checkers import HTML_VALIDATE, html_validate
from tests.browser.chrome import CHROMIUM, Watched, chromium_browser, new_context, watch
from tests.browser.inside import Customer, State, make_customers, sign_in_demo
from tests.browser.stack import Stack, shared
from tests.node import need
from tests.support import shared_program


@pytest.fixture(scope="session")
def stack_folder() -> Path:
    """Where the processes of the run keep what they share.

    Not in pytest's own base folder: each new run of pytest closes that to other users, and PostgreSQL runs as one.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    return Path(gettempdir()) / f"tollkeeper-run-{run[:12]}"


@pytest.fixture(scope="session")
def stack(stack_folder: Path) -> Iterator[Stack]:
    """The run's installation."""
    with shared(stack_folder) as it:
        yield it


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Beside others on the installation, or `alone`."""
    if "stack" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("stack")
    with shared_program.turn(request.getfixturevalue("stack_folder"), alone="alone" in request.fixturenames):
        yield


@pytest.fixture
def alone(stack: Stack) -> Iterator[None]:
    """Nobody else uses the installation; the switches that the test turns are turned back."""
    yield
    stack.switch(clear=True)


CUSTOMERS = 8


@pytest.fixture(scope="session")
def customers(stack: Stack) -> Iterator[Customer]:
    """New customers, each for one test; made a few at a time."""
    return chain.from_iterable(make_customers(stack, CUSTOMERS) for _ in repeat(None))


@pytest.fixture(scope="session")
def demo_states(stack: Stack) -> dict[str, State]:
    """A browser of each demo account that is signed in already, by the account's name."""
    return sign_in_demo(stack)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without it the browser tests skip, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and in CI nothing skips")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def markup() -> Iterator[Callable[[str], list[str]]]:
    """Says what is wrong with the source of a page."""
    need(HTML_VALIDATE)
    with html_validate() as judge:
        yield judge


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
