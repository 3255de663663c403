"""The stand-in as a process: it keeps its objects over a restart, runs by its clock file, carries webhooks by HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from app.ops.clock.stripe_sandbox import StripeSandbox
from sandbox.standin import API_VERSION
from sandbox.standin.store.clock import FileClock
from tests.today import NOON, start_at

KEY, SECRET = "sk_test_process", "whsec_process"


class Door(BaseHTTPRequestHandler):
    """Takes every delivery and keeps it."""

    got: list[tuple[bytes, str]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((body, self.headers["Stripe-Signature"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def door() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """An address that takes webhooks, and what came."""
    got: list[tuple[bytes, str]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Bound", (Door,), {"got": got}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/stripe", got
    server.shutdown()
    server.server_close()
    thread.join(5)


@contextmanager
def serving(folder: Path, webhook: str) -> Iterator[str]:
    """A stand-in's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        sys.executable, "-m", "sandbox.standin", "--port", str(port), "--folder", str(folder), "--clock",
        str(folder / "clock"), "--webhook", webhook,
    ]  # fmt: skip
    secrets = {"STRIPE_WEBHOOK_SECRETS": SECRET, "STRIPE_SECRET_KEY": KEY}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, env={**os.environ, **secrets})
    try:
        wait(lambda: reachable(port) or process.poll() is not None)
        assert folder.stat().st_mode & 0o077 == 0
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, b"")


@contextmanager
def running(folder: Path, webhook: str) -> Iterator[stripe.StripeClient]:
    """The SDK in front of a stand-in."""
    with serving(folder, webhook) as base:
        yield client_of(base)


def client_of(base: str) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, base_addresses={"api": base}, stripe_version=API_VERSION, max_network_retries=0)


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(done: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_run_keeps_its_objects_answers_and_time(tmp_path: Path, door: tuple[str, list[tuple[bytes, str]]]) -> None:
    url, got = door
    start_at(tmp_path / "clock")
    before = float((tmp_path / "clock").read_text(encoding="ascii"))
    with running(tmp_path, url) as client:
        made = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
        wait(lambda: got)
        event = stripe.Webhook.construct_event(got[0][0], got[0][1], SECRET)  # type: ignore[no-untyped-call]
        assert json.loads(got[0][0])["data"]["object"]["id"] == made.id
        clock = client.v1.test_helpers.test_clocks.create({"frozen_time": int(NOON.timestamp())})
        target = int(NOON.timestamp()) + 10 * 86_400
        client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": target})
        wait(lambda: client.v1.test_helpers.test_clocks.retrieve(clock.id).status == "ready")
        wait(lambda: client.v1.events.retrieve(event.id).pending_webhooks == 0)
        assert float((tmp_path / "clock").read_text(encoding="ascii")) - before > 9 * 86_400
        assert client.v1.customers.create({}).created >= target
    with running(tmp_path, url) as client:
        assert client.v1.customers.retrieve(made.id).email == "a@example.com"
        fresh = client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k2"})
        assert client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k2"}).id == fresh.id
        assert client.v1.customers.list().data[0].id == fresh.id
        assert client.v1.events.retrieve(event.id).type == "customer.created"


def test_a_clock_with_a_mover_is_moved_by_it(tmp_path: Path) -> None:
    """The stand-in asks for the span and leaves the file alone; by itself, the clock jumps."""
    asked = tmp_path / "asked"
    script = f"import sys, pathlib; pathlib.Path({str(asked)!r}).write_text(sys.argv[1])"
    start_at(tmp_path / "clock")
    before = (tmp_path / "clock").read_text(encoding="ascii")
    FileClock(tmp_path / "clock", (sys.executable, "-c", script)).advance(86_400.2)
    wait(lambda: asked.exists() and asked.read_text())
    assert (asked.read_text(), (tmp_path / "clock").read_text(encoding="ascii")) == ("86401s", before)
    FileClock(tmp_path / "clock").advance(10)
    assert float((tmp_path / "clock").read_text(encoding="ascii")) == pytest.approx(float(before) + 10)


@pytest.mark.slow
def test_who_moves_the_clock_asks_what_is_due_and_what_waits(tmp_path: Path) -> None:
    """Until the webhook has been taken; one that is tried again later does not count."""
    start_at(tmp_path / "clock")
    refusing = type("Refusing", (Door,), {"got": [], "status": 500})
    server = HTTPServer(("127.0.0.1", 0), refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with serving(tmp_path, f"http://127.0.0.1:{server.server_port}/webhooks/stripe") as base:
        client, place = client_of(base), StripeSandbox(f"{base}/sandbox")
        now = NOON + timedelta(minutes=5)
        assert (place.settle(), place.next_due(now, now + timedelta(days=9))) == ([], None)
        made = client.v1.customers.create({"email": "a@example.com"})
        [waiting] = place.settle()
        assert waiting.startswith("webhook customer.created (evt_")
        session = client.v1.checkout.sessions.create(
            {"mode": "setup", "customer": made.id, "currency": "usd", "success_url": "http://localhost/"}
        )
        expires = datetime.fromtimestamp(session.expires_at, UTC)
        assert place.next_due(now, expires) == expires
        assert place.next_due(now, expires - timedelta(seconds=1)) is None
        thread.start()
        wait(lambda: not place.settle())
    server.shutdown()
    server.server_close()
    thread.join(5)
    assert place.settle() == ["the Stripe sandbox does not answer"]
