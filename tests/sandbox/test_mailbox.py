"""The mailbox: takes mail by SMTP, keeps it as files, shows it to this machine's browser and to nobody else."""

from __future__ import annotations

import json
import smtplib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from sandbox.mailbox.mail_folder import MailFolder
from sandbox.mailbox.page import Mailbox

HERE = {"HTTP_HOST": "127.0.0.1:5001"}


@pytest.fixture
def store(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mail")


@pytest.fixture
def browser(store: MailFolder) -> Client:
    return Client(Mailbox(store))


def mail(subject: str = "Confirm your address", **parts: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Tollkeeper <billing@localhost>"
    message["To"] = "Åsa Ek <asa@example.com>"
    message["Subject"] = subject
    message.set_content(
        parts.get(
            "text", "Open http://127.0.0.1:5000/verify/abc?x=1 today.\nAgain: http://127.0.0.1:5000/verify/abc?x=1"
        )
    )
    message.add_alternative(parts.get("html", "<html><head></head><body><p>Hello</p></body></html>"), subtype="html")
    return message.as_bytes()


def get(browser: Client, path: str) -> Any:
    return browser.get(path, environ_overrides=HERE)


def test_a_message_is_read_back_as_it_was_sent(store: MailFolder) -> None:
    message = store.read(store.add(mail(), "billing@localhost", ["asa@example.com"]))
    assert message is not None
    assert (message.to, message.subject) == ("Åsa Ek <asa@example.com>", "Confirm your address")
    assert message.links == ["http://127.0.0.1:5000/verify/abc?x=1"]
    assert "<p>Hello</p>" in message.html


def test_messages_are_newest_first_and_survive_a_restart(store: MailFolder) -> None:
    for subject in ("first", "second", "third"):
        store.add(mail(subject), "a@localhost", ["b@localhost"])
    assert [message.subject for message in MailFolder(store.folder).all()] == ["third", "second", "first"]


def test_a_message_of_an_unknown_charset_is_still_shown(store: MailFolder) -> None:
    content = b"Subject: odd\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nplain words\r\n"
    message = store.read(store.add(content, "a@localhost", ["b@localhost"]))
    assert message is not None
    assert "plain words" in message.text
    assert message.to == "b@localhost"


@pytest.mark.parametrize("name", ["../secret_key", "0" * 20 + "-zzzzzzzz", "", "0" * 20 + "-00000000"])
def test_only_the_name_of_a_message_is_read(store: MailFolder, name: str) -> None:
    assert store.read(name) is None


def test_the_page_lists_messages_and_shows_one(store: MailFolder, browser: Client) -> None:
    name = store.add(mail(), "a@localhost", ["b@localhost"])
    listed, shown = get(browser, "/"), get(browser, f"/messages/{name}")
    assert "1 message" in listed.text
    assert "nothing leaves this machine" in listed.text
    assert 'href="http://127.0.0.1:5000/verify/abc?x=1"' in shown.text
    assert get(browser, f"/messages/{name}/other").status_code == get(browser, "/nothing").status_code == 404


def test_a_stranger_in_a_message_stays_text(store: MailFolder, browser: Client) -> None:
    name = store.add(mail("<script>alert(1)</script>", text="<img src=x onerror=alert(1)>"), "a@l", ["b@l"])
    for path in ("/", f"/messages/{name}"):
        assert "<script>" not in get(browser, path).text
        assert "<img" not in get(browser, path).text


def test_the_html_part_runs_nothing_and_fetches_nothing(store: MailFolder, browser: Client) -> None:
    name = store.add(mail(html="<html><head></head><body><script>1</script></body></html>"), "a@l", ["b@l"])
    part = get(browser, f"/messages/{name}/html")
    policy = part.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert '<head><base target="_blank">' in part.text


def test_scripts_read_the_messages_as_json(store: MailFolder, browser: Client) -> None:
    store.add(mail(), "a@localhost", ["b@localhost"])
    found = json.loads(get(browser, "/messages.json").text)
    assert found[0]["links"] == ["http://127.0.0.1:5000/verify/abc?x=1"]
    assert {"id", "to", "subject", "date", "text"} <= found[0].keys()


def test_delete_all_empties_the_box(store: MailFolder, browser: Client) -> None:
    store.add(mail(), "a@localhost", ["b@localhost"])
    answer = browser.post("/delete", environ_overrides={**HERE, "HTTP_ORIGIN": "http://127.0.0.1:5001"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert store.names() == []
    assert "No mail yet" in get(browser, "/").text


@pytest.mark.parametrize(
    "sent",
    [
        {**HERE, "HTTP_ORIGIN": "https://elsewhere.example"},
        {**HERE, "HTTP_ORIGIN": "null"},
        {"HTTP_HOST": "evil.example:5001"},
    ],
)
def test_another_site_can_neither_delete_nor_read(store: MailFolder, browser: Client, sent: dict[str, str]) -> None:
    store.add(mail(), "a@localhost", ["b@localhost"])
    assert browser.post("/delete", environ_overrides=sent).status_code == 403
    assert len(store.names()) == 1
    assert browser.get("/", environ_overrides={"HTTP_HOST": "evil.example"}).status_code == 403


def test_other_methods_are_refused(browser: Client) -> None:
    assert browser.post("/", environ_overrides=HERE).status_code == 405
    assert browser.head("/", environ_overrides=HERE).text == ""
    assert get(browser, "/style.css").headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, int, subprocess.Popen[bytes]]]:
    """The whole thing as a process of its own; its page's port, its SMTP port."""
    ports = [_free(), _free()]
    words = [sys.executable, "-m", "sandbox.mailbox", "--folder", str(tmp_path), "--port", str(ports[0])]
    child = subprocess.Popen([*words, "--smtp-port", str(ports[1])])
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/messages.json").close()
            break
        except urllib.error.URLError:
            time.sleep(0.05)
    yield ports[0], ports[1], child
    child.kill()
    child.wait()


def test_mail_sent_by_smtp_is_on_the_page_and_sigterm_ends_it(served: tuple[int, int, subprocess.Popen[bytes]]) -> None:
    port, smtp_port, child = served
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as smtp:
        smtp.sendmail("billing@localhost", ["asa@example.com"], mail("By SMTP"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/messages.json") as answer:
        assert [message["subject"] for message in json.load(answer)] == ["By SMTP"]
    child.terminate()
    assert child.wait(10) == 0


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
