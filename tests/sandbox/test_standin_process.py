"""The stand-in as a process: it keeps its objects over a restart, runs by its clock file, carries webhooks by HTTP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from sandbox.standin import API_VERSION
from tests.today import NOON, start_at

KEY, SECRET = "sk_test_process", "whsec_process"


class Door(BaseHTTPRequestHandler):
    """Takes every delivery and keeps it."""

    got: list[tuple[bytes, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((body, self.headers["Stripe-Signature"]))
        self.send_response(200)
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
def running(folder: Path, webhook: str) -> Iterator[stripe.StripeClient]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        sys.executable, "-m", "sandbox.standin", "--port", str(port), "--folder", str(folder), "--clock",
        str(folder / "clock"), "--webhook", webhook, "--secret", SECRET, "--key", KEY,
    ]  # fmt: skip
    process = subprocess.Popen(words, stderr=subprocess.PIPE)
    client = stripe.StripeClient(
        KEY, base_addresses={"api": f"http://127.0.0.1:{port}"}, stripe_version=API_VERSION, max_network_retries=0
    )
    try:
        wait(lambda: reachable(port) or process.poll() is not None)
        yield client
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, b"")


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(done: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


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
