"""A browser's way with forms: read the page's token, send the form."""

from __future__ import annotations

import html
import re
from contextvars import Context
from typing import Any, get_args

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from flask_login import FlaskLoginClient
from werkzeug.test import TestResponse

from app.web.api import PREFIX, Api, Shape


class Browser(FlaskLoginClient):  # type: ignore[misc]  # Flask-Login carries no types
    """A client whose requests share nothing with the test: as in a server, each has an app context of its own.

    `app.test_client(user=...)` is one that is signed in.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("buffered", True)  # a file is streamed, and its context is gone once `open` returns
        answer: TestResponse = Context().run(super().open, *args, **kwargs)
        _check_types(self.application, answer)
        return answer


def _check_types(app: Flask, answer: TestResponse) -> None:
    """An API answer is of a declared type: no number is sent as text because the database made it one by a sum."""
    asked = answer.request
    if answer.status_code >= 300 or not asked.path.startswith(PREFIX) or answer.mimetype != "application/json":
        return
    found = app.url_map.bind("").match(asked.path, asked.environ["REQUEST_METHOD"])
    declared = _declared(app).get(found[0])
    refused = [why for shape in get_args(declared) or (declared or Any,) if (why := _refusal(answer.data, shape))]
    assert len(refused) < (len(get_args(declared)) or 1), f"{asked.path}: {refused}"


def _declared(app: Flask) -> dict[str, Shape]:
    """What each call of the API answers."""
    rooms = [each for each in app.blueprints.values() if isinstance(each, Api)]
    return {op.endpoint: op.response for room in rooms for op in room.operations}


def _refusal(body: bytes, shape: Any) -> str | None:
    try:
        msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as why:
        return str(why)
    return None


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
