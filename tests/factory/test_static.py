"""Stylesheet and scripts are sent compressed to whoever takes them so, and plain to everybody else."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

TEXTS = ("css/tollkeeper.css", "js/app.js", "vendor/htmx-2.0.11.min.js")
GZIP = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8, *;q=0.1"}


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_is_sent_compressed_to_whoever_takes_it_so(client: FlaskClient, path: str) -> None:
    plain, packed = client.get(f"/static/{path}"), client.get(f"/static/{path}", headers=GZIP)
    assert (plain.headers.get("Content-Encoding"), packed.headers.get("Content-Encoding")) == (None, "gzip")
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) * 0.6
    assert packed.content_type == plain.content_type
    assert (packed.headers["Vary"], plain.headers["Vary"]) == ("Accept-Encoding", "Accept-Encoding")
    assert packed.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("encodings", ["", "identity", "gzip;q=0", "br"])
def test_whoever_does_not_take_gzip_is_sent_the_plain_text(client: FlaskClient, encodings: str) -> None:
    answer = client.get("/static/js/app.js", headers={"Accept-Encoding": encodings})
    assert "Content-Encoding" not in answer.headers
    assert b'"use strict"' in answer.data


@pytest.mark.parametrize("headers", [{}, GZIP])
def test_what_a_browser_has_already_is_not_sent_again(client: FlaskClient, headers: dict[str, str]) -> None:
    tag = client.get("/static/js/app.js", headers=headers).headers["ETag"]
    again = client.get("/static/js/app.js", headers={**headers, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_what_gains_nothing_is_sent_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/static/favicon.svg", headers=GZIP)
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert len(answer.data) <= 320
