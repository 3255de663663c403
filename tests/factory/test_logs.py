"""Nothing that opens a door or names a person reaches a log line."""

from __future__ import annotations

import pytest
from flask import Flask

from app.factory.logs import redact
from app.web.database import db

CANARIES = [
    "tk_live_0123456789abcdefghij",
    "sk_live_0123456789abcdefghij",
    "whsec_0123456789abcdefghij",
    "ada.lovelace@example.com",
]


@pytest.mark.parametrize("canary", CANARIES)
def test_a_secret_or_an_address_within_a_text_is_taken_out(canary: str) -> None:
    event = redact(None, "info", {"event": f"call with '{canary}'", "exception": f"Traceback: ValueError: {canary}\n"})
    assert canary.removeprefix("tk_live_").removeprefix("sk_live_").removeprefix("whsec_") not in str(event)


@pytest.mark.parametrize("name", ["password", "new_password", "Authorization", "cookie", "csrf_token", "client_secret"])
def test_a_value_under_a_telling_name_is_taken_out(name: str) -> None:
    assert redact(None, "info", {name: "correct horse"}) == {name: "[redacted]"}


def test_ordinary_words_stay() -> None:
    line = {"event": "request", "endpoint": "usage.index", "status": 200, "request_id": "01a1fbd11c2c"}
    assert redact(None, "info", dict(line)) == line


def test_a_database_error_does_not_say_what_was_typed(app: Flask) -> None:
    with app.app_context():
        assert db.engine.hide_parameters
