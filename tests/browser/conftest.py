"""A whole installation as `make run` starts it, and a real Chromium in front of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.settings import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Chromium itself says so of every answer of 400 and above, also of one that a test asks for.
EXPECTED = "Failed to load resource: the server responded with a status of 4"


@dataclass(frozen=True)
class Stack:
    """A running installation; `demo` is what stands in its demo.json."""

    base: str
    instance: Path
    demo: dict[str, Any]

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails that reached an address, newest first, as the mailbox page gives them."""
        with urllib.request.urlopen(f"{self.demo['mailbox_url']}/messages.json", timeout=5) as answer:
            return [mail for mail in json.load(answer) if to in mail["to"]]


@dataclass
class Watched:
    """A page and what its console and its content policy complained about."""

    page: Page
    findings: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything once; stop it as Ctrl-C does."""
    instance = tmp_path_factory.mktemp("stack") / "instance"
    port = free_port()
    env = {**os.environ, "INSTANCE": str(instance), "PORT": str(port)}
    log = (tmp_path_factory.getbasetemp() / "stack.log").open("w+")
    child = subprocess.Popen(
        [sys.executable, "-m", "sandbox.run"], cwd=PROJECT, env=env, stdout=log, stderr=log, start_new_session=True
    )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(child, base, instance / "demo.json", Path(log.name))
        yield Stack(base, instance, json.loads((instance / "demo.json").read_text(encoding="utf-8")))
    finally:
        os.killpg(child.pid, signal.SIGINT)
        child.wait(timeout=30)
        log.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without it the browser tests skip, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and in CI nothing skips")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, stack: Stack) -> Iterator[Callable[..., Watched]]:
    """Open a page in a browser of its own: `open_page(js=True, width=1280, theme="light", state=...)`."""
    contexts: list[BrowserContext] = []

    def make(*, js: bool = True, width: int = 1280, theme: str = "light", state: Any = None) -> Watched:
        context = chromium.new_context(
            base_url=stack.base,
            java_script_enabled=js,
            viewport={"width": width, "height": 720},
            color_scheme=theme,  # type: ignore[arg-type]
            storage_state=state,
            locale="en-GB",
        )
        contexts.append(context)
        return watch(context.new_page())

    yield make
    for context in contexts:
        context.close()


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
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard")


def free_port() -> int:
    """A port whose two neighbours are free as well: the mailbox and its SMTP take them."""
    for start in range(20_000 + os.getpid() % 20_000, 60_000, 3):
        if all(_is_free(start + step) for step in range(3)):
            return start
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait(child: subprocess.Popen[bytes], base: str, demo: Path, log: Path) -> None:
    for _ in range(1200):
        if child.poll() is not None:
            pytest.fail(f"the installation stopped by itself:\n{log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2) as answer:
                if answer.status == 200 and demo.exists():
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    pytest.fail(f"the installation did not become ready within two minutes:\n{log.read_text()[-4000:]}")
