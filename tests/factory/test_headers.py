"""What every answer carries for the browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.factory import assets, create_app


def test_a_page_carries_the_content_policy_and_is_not_kept(client: FlaskClient) -> None:
    headers = client.get("/sign-in").headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/api/v1/plans", "/healthz", "/nowhere", "/api/v1/nowhere"])
def test_every_answer_carries_the_headers_and_a_request_id(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert len(headers["X-Request-Id"]) == 32


def test_only_the_address_of_the_very_content_is_cached_for_ever(client: FlaskClient) -> None:
    sheet = f"/static/css/tollkeeper.css?v={assets.version(assets.SHEET)}"
    assert client.get(sheet).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for path in ("/static/css/tollkeeper.css", "/static/css/tollkeeper.css?v=", "/static/js/app.js?v=anything"):
        assert client.get(path).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/static/nothing.css?v=0123456789", "/static/../settings.py?v=1", "/nowhere"])
def test_a_page_that_says_there_is_nothing_is_not_kept_and_carries_the_content_policy(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_production_asks_for_https_and_for_secure_cookies(app: Flask) -> None:
    settings = replace(
        app.extensions["tollkeeper"].settings, sandbox=False, base_url="https://billing.example.com", metrics_token=None
    )
    served = create_app(settings)
    answer = served.test_client().get("/healthz", base_url="https://billing.example.com")
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert served.config["SESSION_COOKIE_NAME"] == "__Host-tk_form"
    assert served.config["SESSION_COOKIE_SECURE"]
    served.extensions["tollkeeper"].pool.close()
