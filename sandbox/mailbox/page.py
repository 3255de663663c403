"""The mailbox page: list of messages, single message, both as JSON, and a button to delete all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sandbox import web_pages
from sandbox.mailbox.mail_folder import MailFolder
from sandbox.web_pages import Page

HERE = Path(__file__).resolve().parent
LIST_LIMIT = 200
POLICY = f"{web_pages.STRICT}; frame-src 'self'; form-action 'self'"
# A message is untrusted HTML: no scripts, remote images or forms, and its own origin.
MESSAGE_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
templates = web_pages.templates(HERE, product="Mailbox", banner="nothing leaves this machine", home="/")


class Mailbox:
    """The WSGI app over one folder."""

    def __init__(self, store: MailFolder) -> None:
        self.store = store

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        answer = self.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
        body = answer.body.encode("utf-8", "replace")
        start_response(web_pages.status_line(answer.status), [*answer.headers(), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def answer(self, method: str, path: str, environ: dict[str, Any]) -> Page:
        """Route the request. Pages of other sites in the same browser may neither read nor delete."""
        if not web_pages.from_here(method, environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")):
            return web_pages.forbidden()
        if method == "POST" and path == "/delete":
            self.store.clear()
            return web_pages.redirect("/")
        if method not in {"GET", "HEAD"}:
            return Page("Not allowed.\n", HTTPStatus.METHOD_NOT_ALLOWED, "text/plain")
        if path.startswith("/messages/"):
            return self._render_message(path.removeprefix("/messages/"))
        pages = {"/": self._render_list, "/messages.json": self._render_json, "/style.css": _style}
        return pages.get(path, _render_missing)()

    def _render_list(self) -> Page:
        return _render("list.html", messages=self.store.all(LIST_LIMIT), total=len(self.store.names()))

    def _render_json(self) -> Page:
        return Page(json.dumps([asdict(message) for message in self.store.all()], indent=1), kind="application/json")

    def _render_message(self, rest: str) -> Page:
        name, _, part = rest.partition("/")
        message = self.store.read(name)
        if message is None or part not in {"", "html"}:
            return _render_missing()
        if part == "html":
            base = '<base target="_blank">'  # links must not open inside the frame, where scripts are disabled
            head, tag, tail = message.html.partition("<head>")
            return Page(head + tag + base + tail if tag else base + message.html, policy=MESSAGE_POLICY)
        return _render("message.html", message=message)


def _render(name: str, status: HTTPStatus = HTTPStatus.OK, **context: object) -> Page:
    return Page(templates.get_template(name).render(**context), status, policy=POLICY)


def _style() -> Page:
    return web_pages.style(HERE)


def _render_missing() -> Page:
    return _render("missing.html", HTTPStatus.NOT_FOUND)
