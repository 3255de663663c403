"""Behind the proxy of compose.yaml, bodies that never end reach no thread, and what clients claim does not count."""

from __future__ import annotations

import gzip
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
from flask_migrate import upgrade

from app.kit.clock import Clocks, SystemClock
from app.web.bodies import MAX_BODY
from app.web.database import db
from app.web.problems import PROBLEMS
from sandbox.postgres import server as postgres
from tests.browser.stack import until
from tests.factories import have_default_plan, make_key, make_org
from tests.support.compose import named_commands
from tests.support.database import migrator, own_database, run_as_admin
from tests.support.deployment import Deployment, deployed, run_service
from tests.support.installation import app_on

DOT_ENV = {
    "SMTP_HOST": "127.0.0.1",
    "MAIL_FROM": "Billing <billing@example.com>",
    "SELLER_NAME": "Example Ltd",
    "SELLER_ADDRESS": "1 High Street; Leeds",
    "SECRET_KEY": "s3cr3t-" + "0123456789abcdef" * 2,
    "KEY_PEPPER": "p3pp3r-" + "0123456789abcdef" * 2,
    **dict.fromkeys(("POSTGRES_PASSWORD", "OWNER_PASSWORD", "WEB_PASSWORD", "WORKER_PASSWORD"), "none"),
}
PAYING = {"STRIPE_SECRET_KEY": "sk_test_0123456789", "STRIPE_WEBHOOK_SECRETS": "whsec_0123456789"}
EVENTS = "/api/v1/usage/events"
WEBHOOK = "/webhooks/stripe"
MANY, AT_THE_WEBHOOK = 32, 8
ANSWER_SECONDS = 6.0
SHED_SECONDS = 8.0
"""The proxy's five between two reads, and some for a busy machine."""
BOUND = 100


@dataclass(frozen=True)
class Portal:
    """The deployment, the address of its database, and an org's key and meter."""

    at: Deployment
    database: str
    key: str
    meter: str

    def record(self, ident: str) -> int:
        """Record an event; the status."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        body = json.dumps({"id": ident, "meter": self.meter}).encode()
        return self.at.ask(EVENTS, body, headers)[0].status


@pytest.fixture(scope="module")
def portal(server: Path) -> Iterator[Portal]:
    """Production behind its proxy, the portal with the web's role."""
    run_as_admin(server, postgres.ROLES.read_text(encoding="utf-8"))
    with own_database(server, "proxied") as database:
        with migrator(database).app_context():
            upgrade()  # nothing to migrate: the roles are given their rights
        key, meter = _furnish(database)
        with deployed({**DOT_ENV, **PAYING}, database) as at:
            yield Portal(at, database, key, meter)


def _furnish(database: str) -> tuple[str, str]:
    """The key of a new org, and a meter; at today's date, which is what production goes by."""
    now = SystemClock()
    with app_on(database, Clocks(business=now, wall=now), key_pepper=DOT_ENV["KEY_PEPPER"]) as app, app.app_context():
        session = db.session()
        meter = have_default_plan(session).meter
        return make_key(session, make_org(session)), meter


@contextmanager
def hanging(
    at: Deployment, path: str, count: int, source: str, *, sent: int | None = None
) -> Iterator[list[socket.socket]]:
    """Connections that each send the head of a POST and its body's first byte (`sent` bytes of it all), and no more."""
    with ExitStack() as open_ones:
        yield [_begin(at, _endless(path)[:sent], source, open_ones) for _ in range(count)]


def _endless(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", "Content-Length: 4096"]
    return "\r\n".join([*lines, *headers, "", "{"]).encode()


def _begin(at: Deployment, head: bytes, source: str, open_ones: ExitStack) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", at.https), timeout=10, source_address=(source, 0))
    wrapped = open_ones.enter_context(at.tls.wrap_socket(plain, server_hostname="127.0.0.1"))
    wrapped.sendall(head)
    return wrapped


def _is_served(portal: Portal) -> None:
    began = time.monotonic()
    assert portal.at.ask("/healthz")[0].status == 200
    assert time.monotonic() - began < ANSWER_SECONDS
    assert portal.record(str(uuid4())) == 200
    assert time.monotonic() - began < ANSWER_SECONDS


def test_forty_bodies_that_never_end_stop_nobody(portal: Portal) -> None:
    with hanging(portal.at, EVENTS, MANY, "127.0.0.1"), hanging(portal.at, WEBHOOK, AT_THE_WEBHOOK, "127.0.0.1"):
        time.sleep(0.2)
        for _ in range(3):
            _is_served(portal)


@pytest.mark.long
def test_slow_bodies_are_shed_and_dripping_ones_stop_nobody(portal: Portal) -> None:
    with (
        hanging(portal.at, EVENTS, MANY, "127.0.0.2") as events,
        hanging(portal.at, WEBHOOK, AT_THE_WEBHOOK, "127.0.0.3") as webhooks,
        hanging(portal.at, EVENTS, MANY, "127.0.0.3", sent=30) as heads,
        hanging(portal.at, EVENTS, MANY, "127.0.0.4") as dripping,
    ):
        began = time.monotonic()
        while time.monotonic() - began < SHED_SECONDS:
            for each in dripping:
                each.sendall(b" ")
            _is_served(portal)
            time.sleep(1)
        for each in [*events, *webhooks, *heads]:
            each.settimeout(0.5)
            assert _rest(each) in {b"", b"HTTP/1.1 408"}
    assert portal.at.log.read_text().count('"status": 408') >= MANY + AT_THE_WEBHOOK


def _rest(open_one: socket.socket) -> bytes:
    """What came before the end; raises `TimeoutError` if there is no end."""
    try:
        return open_one.recv(4096)[:12]
    except ConnectionResetError:
        return b""


@pytest.mark.long
def test_bodies_that_reach_the_portal_without_the_proxy_do_stop_it(portal: Portal) -> None:
    """Why the proxy is there, and that the bodies of these tests are of the kind that stops a thread."""
    with ExitStack() as open_ones:
        for _ in range(MANY):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", portal.at.direct)))
            one.sendall(_endless(EVENTS, f"Authorization: Bearer {portal.key}"))
        time.sleep(1)
        with pytest.raises(TimeoutError):
            portal.at.ask("/healthz", seconds=ANSWER_SECONDS)
    until(lambda: portal.at.ask("/healthz")[0].status == 200, "the portal to be back")


def test_one_address_holds_no_more_than_its_bound(portal: Portal) -> None:
    with hanging(portal.at, EVENTS, BOUND, "127.0.0.5"):
        time.sleep(0.2)
        answer, body = portal.at.ask(EVENTS, b"{}", {"Content-Type": "application/json"}, source="127.0.0.5")
        _problem(answer, body, 429, "rate_limited")
        assert int(answer.headers["Retry-After"]) >= 1
        assert portal.at.ask("/healthz", source="127.0.0.5")[0].status == 429
        _is_served(portal)


@pytest.mark.slow
def test_the_largest_batch_passes_and_a_larger_one_is_told_the_limit(portal: Portal) -> None:
    headers = {"Authorization": f"Bearer {portal.key}", "Content-Type": "application/json"}
    answer, body = portal.at.ask(EVENTS, _batch(portal, MAX_BODY), headers)
    assert (answer.status, json.loads(body)["recorded"]) == (200, 1)
    for size in (MAX_BODY + 1, MAX_BODY + 2 * 1024 * 1024):  # the portal's own answer, and the proxy's
        problem = _problem(*portal.at.ask(EVENTS, _batch(portal, size), headers), 413, "body_too_large")
        assert (
            problem["detail"] == "The body is larger than 8 MiB; nothing was recorded. Split it into smaller requests."
        )
        assert problem["type"] == f"{portal.at.base}/docs/problems/body_too_large"
    answer, _ = portal.at.ask("/sign-in", b" " * (1024 * 1024 + 1))
    assert answer.status == 413


def test_a_large_body_that_is_refused_unread_is_told_why_each_time(portal: Portal) -> None:
    """A server that closes on a body still on its way resets the connection, and the answer may be lost with it."""
    headers = {"Authorization": "Bearer tk_live_unknown", "Content-Type": "application/json"}
    for _ in range(10):
        _problem(*portal.at.ask(EVENTS, _batch(portal, MAX_BODY), headers), 401, "invalid_key")
        _problem(*portal.at.ask("/api/v1/nowhere", _batch(portal, MAX_BODY), headers), 404, "not_found")


def _batch(portal: Portal, size: int) -> bytes:
    return json.dumps({"events": [{"id": str(uuid4()), "meter": portal.meter}]}).encode().ljust(size)


def _problem(answer: HTTPResponse, body: bytes, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, checked to be this one."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), body[:500]
    problem: dict[str, Any] = json.loads(body)
    assert (problem["code"], problem["title"]) == (code, PROBLEMS[code].title)
    return problem


def test_what_a_client_says_about_where_it_comes_from_is_discarded(portal: Portal) -> None:
    page, body = portal.at.ask("/sign-in")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = _token(body.decode())
    email = f"{uuid4().hex[:8]}@example.com"
    form = f"csrf_token={token}&email={email.replace('@', '%40')}&password=wrong-but-long".encode()
    given = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": cookie,
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    }
    assert portal.at.ask("/sign-in", form, {**given, "Origin": "http://evil.example"})[0].status == 403
    assert portal.at.ask("/sign-in", form, {**given, "Origin": portal.at.base}, source="127.0.0.6")[0].status == 422
    with psycopg.connect(portal.database) as connection:
        rows = connection.execute("SELECT * FROM sign_in_details").fetchall()
    assert "127.0.0.6" in str(rows)
    assert "203.0.113.9" not in str(rows)


def test_the_address_without_tls_only_leads_to_the_one_with_it(portal: Portal) -> None:
    with socket.create_connection(("127.0.0.1", portal.at.http), timeout=5) as plain:
        plain.sendall(b"GET /plans?interval=year HTTP/1.0\r\nHost: billing.example.com\r\n\r\n")
        answer = plain.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 308 ")
    assert "Location: https://billing.example.com/plans?interval=year\r\n" in answer


ASKS = {"Accept-Encoding": "gzip, deflate, br"}
SIGNED_IN = {**ASKS, "Cookie": "__Host-tk_session=x; __Host-tk_device=y"}


@pytest.mark.parametrize(
    ("path", "headers", "compressed"),
    [
        ("/plans", ASKS, True),
        ("/plans", {**ASKS, "Sec-Fetch-Site": "cross-site"}, True),  # in nobody's name
        ("/plans", {**SIGNED_IN, "Sec-Fetch-Site": "same-origin"}, True),
        ("/plans", {**SIGNED_IN, "Sec-Fetch-Site": "none"}, True),
        ("/plans", {**SIGNED_IN, "Sec-Fetch-Site": "cross-site"}, False),
        ("/plans", {**SIGNED_IN, "Sec-Fetch-Site": "same-site"}, False),
        ("/plans", {**SIGNED_IN, "Sec-Fetch-Site": "cross-site", "Cookie": "a=b;"}, False),
        ("/plans", SIGNED_IN, False),  # a browser too old to say
        ("/static/css/tollkeeper.css", {**SIGNED_IN, "Sec-Fetch-Site": "cross-site"}, True),
        ("/api/v1/openapi.json", ASKS, True),
        ("/plans", {}, False),
    ],
)
def test_compressed_is_what_no_other_site_can_have_asked_for_in_a_visitors_name(
    portal: Portal, path: str, headers: dict[str, str], compressed: bool
) -> None:
    answer, body = portal.at.ask(path, headers=headers)
    assert answer.status == 200
    assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
    if compressed:
        assert "Accept-Encoding" in ", ".join(answer.headers.get_all("Vary", []))
        assert len(body) < len(gzip.decompress(body)) / 2


def test_the_proxys_lines_name_no_address_and_no_link(portal: Portal) -> None:
    def refusals() -> int:
        return [json.loads(line)["status"] for line in portal.at.log.read_text().splitlines()].count(413)

    token, before = uuid4().hex, refusals()
    answer, _ = portal.at.ask(f"/reset/{token}", b" " * (1024 * 1024 + 1))
    assert answer.status == 413
    until(lambda: refusals() > before, "the line of the refusal")
    said = portal.at.log.read_text()
    assert token not in said
    assert re.findall(r"127\.0\.0\.\d", said) == []


@pytest.mark.long
def test_the_commands_of_the_compose_file_make_an_installation_that_staff_can_sign_in_to(server: Path) -> None:
    run_as_admin(server, postgres.ROLES.read_text(encoding="utf-8"))
    name = f"composed_{uuid4().hex[:8]}"
    run_as_admin(server, f"CREATE DATABASE {name} OWNER {postgres.OWNER}")
    database, password = postgres.url(server, name), uuid4().hex
    try:
        refused = run_service({**DOT_ENV, "BASE_URL": "http://billing.example.com"}, "upgrade", database)
        assert (refused.returncode, "BASE_URL must be the portal's https address" in refused.stderr) == (1, True)
        dot_env = {**DOT_ENV, "BASE_URL": "https://billing.example.com"}
        _succeeds(run_service(dot_env, "upgrade", database))
        for service, words in named_commands()[:2]:  # without Stripe
            secret = ["--password", password] if "create-user" in words else []
            _succeeds(run_service(dot_env, service, database, *words, *secret))
        found = {each["name"]: each for each in json.loads(_doctor(dot_env, database))}
        # The test cluster does not wait for its disk, and no mail server is here.
        assert {each["name"] for each in found.values() if each["status"] == "failed"} == {"durability", "mail"}
        assert found["database"]["detail"] == "connected as tollkeeper_web"
        assert "proxy" not in found
        with deployed(DOT_ENV, database) as at:
            assert at.ask("/readyz")[0].status == 200
            _staff_sign_in(at, "you@example.com", password)
    finally:
        run_as_admin(server, f"DROP DATABASE {name} WITH (FORCE)")


def _succeeds(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stderr


def _doctor(dot_env: dict[str, str], database: str) -> str:
    return run_service(dot_env, "doctor", database, "flask", "doctor", "--json").stdout


def _staff_sign_in(at: Deployment, email: str, password: str) -> None:
    with requests.Session() as browser:
        browser.trust_env = False  # which may name other certificates
        browser.verify = str(at.folder / "fullchain.pem")
        page = browser.get(f"{at.base}/sign-in", timeout=10)
        form = {"csrf_token": _token(page.text), "email": email, "password": password}
        sent = browser.post(f"{at.base}/sign-in", form, headers={"Origin": at.base}, timeout=10)
        assert sent.status_code == 200, sent.text[:2000]
        assert browser.get(f"{at.base}/admin", timeout=10).status_code == 200


def _token(page: str) -> str:
    return re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
