"""A browser's way with forms: read the page's token, send the form."""

from __future__ import annotations

import html
import re
from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from flask_login import FlaskLoginClient
from werkzeug.test import TestResponse


class Browser(FlaskLoginClient):  # type: ignore[misc]  # Flask-Login carries no types
    """A client whose requests share nothing with the test: as in a server, each has an app context of its own.

    `app.test_client(user=...)` is one that is signed in.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("buffered", True)  # a file is streamed, and its context is gone once `open` returns
        return Context().run(super().open, *args, **kwargs)


_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


def csrf_token(client: FlaskClient, page: str = "/settings") -> str:
    """The token of a form on the page; it fits every form of this browser. A visitor is led to the sign-in form."""
    found = _TOKEN.search(client.get(page, follow_redirects=True).text)
    assert found, f"no form on {page}"
    return found[1]


def send(client: FlaskClient, path: str, page: str = "/settings", **fields: Any) -> TestResponse:
    """POST a form as a browser does, with the token of `page`."""
    token = csrf_token(client, page)
    return client.post(path, data={"csrf_token": token, **fields})


def text_of(answer: TestResponse, status: int = 200) -> str:
    """What a person reads of an answer with this status."""
    assert answer.status_code == status, answer.text[:500]
    return html.unescape(answer.text).replace("\u00a0", " ")
