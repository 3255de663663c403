"""The mailbox's page: messages newest first, one message, the same as JSON, and a button that deletes all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.mailbox.store import Store

HERE = Path(__file__).resolve().parent
LIST_LIMIT = 200
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# A message is a stranger's page: no script, no picture from elsewhere, no form, and an origin of its own.
MESSAGE_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True)
class Answer:
    """What goes back to the browser."""

    body: str
    kind: str = "text/html"
    status: HTTPStatus = HTTPStatus.OK
    policy: str = POLICY
    location: str | None = None


class Mailbox:
    """The WSGI app over one folder."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        answer = self.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
        body = answer.body.encode("utf-8", "replace")
        headers = [
            ("Content-Type", f"{answer.kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", answer.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ]
        if answer.location:
            headers.append(("Location", answer.location))
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def answer(self, method: str, path: str, environ: dict[str, Any]) -> Answer:
        """Choose the page; another site's page in the same browser may neither read nor delete."""
        if not _from_here(environ):
            return Answer("Only for this machine.\n", "text/plain", HTTPStatus.FORBIDDEN)
        if method == "POST" and path == "/delete":
            self.store.clear()
            return Answer("", "text/plain", HTTPStatus.SEE_OTHER, location="/")
        if method not in {"GET", "HEAD"}:
            return Answer("Not allowed.\n", "text/plain", HTTPStatus.METHOD_NOT_ALLOWED)
        if path.startswith("/messages/"):
            return self._message(path.removeprefix("/messages/"))
        pages = {"/": self._list, "/messages.json": self._json, "/style.css": _style}
        return pages.get(path, _missing)()

    def _list(self) -> Answer:
        return _page("list.html", messages=self.store.all(LIST_LIMIT), total=len(self.store.names()))

    def _json(self) -> Answer:
        return Answer(json.dumps([asdict(message) for message in self.store.all()], indent=1), "application/json")

    def _message(self, rest: str) -> Answer:
        name, _, part = rest.partition("/")
        message = self.store.read(name)
        if message is None or part not in {"", "html"}:
            return _missing()
        if part == "html":
            opens = '<base target="_blank">'  # a link must not open inside the frame, where nothing may run
            head, tag, tail = message.html.partition("<head>")
            return Answer(head + tag + opens + tail if tag else opens + message.html, policy=MESSAGE_POLICY)
        return _page("message.html", message=message)


def _page(name: str, status: HTTPStatus = HTTPStatus.OK, **context: object) -> Answer:
    return Answer(templates.get_template(name).render(**context), status=status)


def _style() -> Answer:
    return Answer((HERE / "style.css").read_text(encoding="utf-8"), "text/css")


def _missing() -> Answer:
    return _page("missing.html", HTTPStatus.NOT_FOUND)


def _from_here(environ: dict[str, Any]) -> bool:
    host = str(environ.get("HTTP_HOST", ""))
    if host.rpartition(":")[0] not in {"127.0.0.1", "localhost"}:  # a name that someone pointed at this machine
        return False
    origin = environ.get("HTTP_ORIGIN")
    return environ["REQUEST_METHOD"] in {"GET", "HEAD"} or origin in {None, f"http://{host}"}
