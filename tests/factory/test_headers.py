"""What every answer carries for the browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask, Response
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
    assert headers["Server"] == "tollkeeper"  # not which program serves


def test_an_answer_that_failed_on_its_way_out_carries_each_header_once(app: Flask) -> None:
    served = create_app(app.extensions["tollkeeper"].settings)
    broken = iter([True])

    @served.after_request  # runs after ours, as the saving of a session does
    def fail_once(response: Response) -> Response:
        if next(broken, False):
            raise OSError("the answer cannot be finished")
        return response

    served.after_request_funcs[None].insert(0, served.after_request_funcs[None].pop())
    answer = served.test_client().get("/healthz")
    served.extensions["tollkeeper"].pool.close()
    assert answer.status_code == 500
    names = [name for name, _ in answer.headers]
    assert sorted(set(names)) == sorted(names)


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
    assert served.config["SESSION_COOKIE_NAME"] == "__Host-tk_session"
    assert served.config["SESSION_COOKIE_SECURE"]
    served.extensions["tollkeeper"].pool.close()


@pytest.fixture
def production(app: Flask) -> Iterator[FlaskClient]:
    settings = app.extensions["tollkeeper"].settings
    served = create_app(replace(settings, sandbox=False, base_url="https://billing.example.com"))
    yield served.test_client()
    served.extensions["tollkeeper"].pool.close()


@pytest.mark.parametrize(
    ("host", "answered"),
    [("billing.example.com", 200), ("evil.example", 400), ("billing.example.com.evil.example", 400),
     ("billing.example.com:8443", 400), ("127.0.0.1:8000", 400), ("localhost", 400)],
)  # fmt: skip
def test_only_the_portals_own_name_is_answered(production: FlaskClient, host: str, answered: int) -> None:
    assert production.get("/docs/problems", headers={"Host": host}).status_code == answered
    assert production.get("/healthz", headers={"Host": host}).status_code == 200  # a balancer asks by address


@pytest.mark.parametrize(
    ("host", "answered"), [("localhost:5000", 200), ("127.0.0.1", 200), ("[::1]:5000", 200), ("evil.example", 400)]
)
def test_a_sandbox_answers_under_this_machines_names(client: FlaskClient, host: str, answered: int) -> None:
    assert client.get("/docs/problems", headers={"Host": host}).status_code == answered
