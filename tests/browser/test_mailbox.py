"""The mailbox's pages in a real browser: accessible, valid, without a complaint, in both themes and all widths."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from wsgiref.simple_server import make_server

import pytest
from playwright.sync_api import Browser, expect

from sandbox.mailbox.__main__ import MailboxServer, QuietHandler
from sandbox.mailbox.mail_folder import MailFolder
from sandbox.mailbox.page import Mailbox
from tests.browser.checkers import AXE, axe
from tests.browser.chrome import new_context, watch
from tests.node import need


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[str, MailFolder]]:
    """The page's address, and the store behind it, with one message in it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@localhost", "b@example.com", "Confirm your address"
    message.set_content("Open http://127.0.0.1:9/verify/abc now.")
    message.add_alternative(
        '<html lang="en"><head><title>Mail</title></head><body><h1>Hello</h1></body></html>', "html"
    )
    store = MailFolder(tmp_path)
    store.add(message.as_bytes(), "a@localhost", ["b@example.com"])
    with make_server("127.0.0.1", 0, Mailbox(store), MailboxServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", store
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 375),
        ("dark", 1280),
        *(pytest.param(*each, marks=pytest.mark.long) for each in (("dark", 375), ("light", 1280))),
    ],
)
@pytest.mark.slow
def test_no_page_of_the_mailbox_has_a_finding(
    chromium: Browser, mailbox: tuple[str, MailFolder], theme: str, width: int
) -> None:
    base, store = mailbox
    need(AXE)
    context = new_context(chromium, base, theme=theme, width=width)
    watched = watch(context.new_page())
    for path in ("/", f"/messages/{store.names()[0]}", f"/messages/{'0' * 20}-{'0' * 8}"):
        watched.page.goto(base + path)
        assert axe(watched.page) == [], path
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert watched.findings == []
    context.close()


@pytest.mark.slow
def test_mail_is_read_and_deleted_without_javascript(chromium: Browser, mailbox: tuple[str, MailFolder]) -> None:
    base, _ = mailbox
    context = new_context(chromium, base, js=False)
    page = context.new_page()
    page.goto(base)
    page.get_by_role("link", name="Confirm your address").click()
    expect(page.get_by_role("link", name="http://127.0.0.1:9/verify/abc")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Hello")).to_be_visible()
    page.get_by_role("link", name="Mailbox").click()
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("No mail yet")).to_be_visible()
    context.close()


def test_the_pages_are_valid_html(mailbox: tuple[str, MailFolder], markup: Callable[[str], list[str]]) -> None:
    _, store = mailbox
    app = Mailbox(store)
    for path in ("/", f"/messages/{store.names()[0]}", "/nothing"):
        answer = app.answer("GET", path, {"HTTP_HOST": "127.0.0.1:1", "REQUEST_METHOD": "GET"})
        assert markup(answer.body) == [], path
