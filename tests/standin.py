"""The stand-in for tests: real HTTP on a free port, the test's own clock, webhooks carried when the test says so.

    def test_x(standin): ...                     # the fixture: a fresh world behind one address for the session
    standin.url, .key, .secret                   # what the settings of an app need (also `stripe_settings()`)
    standin.client()                             # the SDK, pinned, for the test's own calls
    standin.run_due()                            # after the clock moved: renew, bill, retry, expire
    standin.pay(session_url, card="4242…")       # a customer on the hosted checkout; returns where it leads at last
    standin.deliver_to(callable or flask client); standin.deliver()
    standin.fail("timeout", path="/v1/checkout/sessions"); standin.webhooks(drop=1, reorder=True); standin.hold()

All traffic is checked against `../shared/stripe/check.py` where it stands: a violation fails the test that caused it,
and the count is printed at the end. Calls that are wrong on purpose go inside `with standin.unchecked():`.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import stripe
from flask import Flask
from werkzeug.test import Client as WsgiClient

from app.payments.gateway import build_gateway
from app.stripe_gateway import Gateway
from sandbox.standin import API_VERSION
from sandbox.standin.engine.webhook_deliveries import Deliveries, Delivery, post
from sandbox.standin.http import server
from sandbox.standin.http.app import App, Exchange
from sandbox.standin.objects import webhook_endpoints
from sandbox.standin.store.sqlite import ObjectStore
from sandbox.standin.store.world import World
from tests.standin_traffic import CHECKER, TRAFFIC, Traffic
from tests.standin_visit import Visit
from tests.today import NOON, FixedClock

Receiver = Callable[[bytes, dict[str, str]], int]
GOOD_CARD = "4242424242424242"


class StandIn:
    """One server for the session; `reset` gives it a fresh world. Nothing happens in it but what a test asks for."""

    key = "sk_test_standin"
    secret = "whsec_standin"
    endpoint = "http://localhost/webhooks/stripe"

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.calls: list[Exchange] = []
        self._lenient = False
        self._seen_violations = 0
        self.app: App | None = None
        self._server = server.serve(0, self._answer)
        self.url = f"http://{server.HOST}:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="stand-in", daemon=True)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        assert self.app, "reset first"
        return self.app(environ, start_response)

    def reset(self, clock: FixedClock, wall: Callable[[], float] = NOON.timestamp, path: str = ":memory:") -> StandIn:
        """A fresh world (or the one that the file at `path` holds), on this clock; no receiver yet."""
        self.close_world()
        self.world = World(ObjectStore(path), _InSeconds(clock), self.url)
        self.app = App(self.world, self.key)
        self.carrier = Deliveries(self.world, self._send, wall)
        self.calls = calls = []
        self._lenient = False
        self._receiver: Receiver | None = None
        self._seen_violations = len(self.traffic.violations)
        self.world.watchers.append(self._event)
        self.app.watchers.append(lambda seen: self._exchange(seen, calls))
        webhook_endpoints.ensure(self.world, self.endpoint, self.secret)
        return self

    def close_world(self) -> None:
        """Let go of the file."""
        if self.app is not None:
            self.app.api.stop.set()
            with self.world.lock:
                self.world.store.close()
            self.app = None

    def stop(self) -> None:
        """End the server."""
        self.close_world()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # What a test asks for

    def stripe_settings(self) -> dict[str, Any]:
        """The settings of an app whose Stripe this is."""
        return {
            "stripe_secret_key": self.key,
            "stripe_api_base": self.url,
            "stripe_webhook_secrets": (self.secret,),
            "stripe_page_hosts": (self.url,),
        }

    def client(self, **more: Any) -> stripe.StripeClient:
        """The real SDK in front of the stand-in."""
        more.setdefault("max_network_retries", 0)
        more.setdefault("http_client", stripe.RequestsClient(timeout=(2, 5)))
        return stripe.StripeClient(self.key, base_addresses={"api": self.url}, stripe_version=API_VERSION, **more)

    def run_due(self) -> int:
        """Do what the clock has made due; returns how many pieces."""
        return self.world.run_due()

    def objects(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """The objects of a kind, newest first, live."""
        return self.world.all(kind, **match)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events, oldest first, all or of one type."""
        return [event for event in reversed(self.world.all("event")) if kind in {None, event["type"]}]

    def deliveries(self, state: str | None = None) -> list[Delivery]:
        """The deliveries, oldest first, all or in one state (waiting, done, dropped, failed)."""
        return self.carrier.listed(state)

    def deliver_to(self, receiver: Receiver | WsgiClient | None, path: str = "/webhooks/stripe") -> None:
        """Where webhooks go: `def receive(body, headers) -> status` or a Flask client. None: HTTP to `.endpoint`."""
        if isinstance(receiver, WsgiClient):
            client = receiver

            def through(body: bytes, headers: dict[str, str]) -> int:
                return int(client.post(path, data=body, headers=headers).status_code)

            self._receiver = through
        else:
            self._receiver = receiver

    def deliver(self, *, hurry: bool = True, rounds: int = 20) -> int:
        """Carry the webhooks that wait until none is left or one was refused; returns how many were tried.

        `hurry` ignores the pauses between tries; without it only those are tried whose wall time has come.
        """
        total = 0
        for _ in range(rounds):
            refused = sum(one.tries for one in self.deliveries("waiting"))
            tried = self.carrier.run(hurry=hurry)
            total += tried
            if not tried or sum(one.tries for one in self.deliveries("waiting")) > refused:
                break
        return total

    def settle(self) -> None:
        """Do what is due and carry the webhooks, until both are quiet."""
        while self.run_due() + self.deliver():
            pass

    def fail(self, kind: str, times: int = 1, **more: Any) -> None:
        """The next calls go wrong: 429, 500, 503, timeout, slow, reset, reset_before; `path`, `method`, `seconds`."""
        self.world.faults.add(kind, times=times, **more)

    def webhooks(self, **switches: Any) -> None:
        """Switches of the webhooks: hold, reorder (bool), drop, duplicate (counts), delay (seconds)."""
        self.world.faults.set_webhooks(**switches)

    def lose(self) -> None:
        """Let the webhooks that wait be lost."""
        self.webhooks(drop=len(self.deliveries("waiting")))
        self.deliver()

    def hold(self) -> None:
        """Carry nothing until `release`."""
        self.webhooks(hold=True)

    def release(self) -> None:
        """Carry again."""
        self.webhooks(hold=False)

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """Calls inside are wrong on purpose; their answers are still checked."""
        self._lenient = True
        try:
            yield
        finally:
            self._lenient = False

    # A customer with a browser

    def pay(self, url: str, card: str = GOOD_CARD, secure: str = "pass", **form: str) -> Visit:
        """Fill in the hosted page's card form and send it; a 3-D Secure step is answered (`pass` or `fail`).

        Returns where that led: `location` outside the stand-in (the return address), or the page with its error.
        """
        visit = Visit(self.url)
        visit.open(url)
        visit.submit("pay", number=card, expiry="12 / 34", cvc="123", **{"name": "Asa Ek", **form})
        if visit.location is None and visit.has("authenticate"):
            visit.submit("authenticate", answer=secure)
        return visit

    def leave(self, url: str) -> Visit:
        """Open the hosted page and go back without paying."""
        visit = Visit(self.url)
        visit.open(url)
        found = re.search(r'<a[^>]*(?:rel="prev"|class="[^"]*back[^"]*")[^>]*>', visit.text)
        assert found, visit.text
        address = re.search(r'href="([^"]+)"', found[0])
        assert address
        visit.location = unescape(address[1])
        return visit

    # Recording

    def _send(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return self._receiver(body, headers) if self._receiver else post(url, body, headers)

    def _event(self, event: dict[str, Any]) -> None:
        self.traffic.event(event)

    def _exchange(self, seen: Exchange, calls: list[Exchange]) -> None:
        calls.append(seen)  # its own world's: a slow answer may end after the next test's `reset`
        self.traffic.exchange(seen, lenient=self._lenient)

    def verify(self) -> None:
        """Raises AssertionError where this world's traffic was not Stripe's, or the stand-in itself failed."""
        assert self.app
        crashes = list(self.app.api.crashes)
        violations = self.traffic.violations[self._seen_violations :]
        self._seen_violations = len(self.traffic.violations)
        assert not crashes, "the stand-in failed:\n" + "\n".join(crashes)
        counted = Counter(violations).most_common(40)
        assert not violations, "not as Stripe describes it:\n" + "\n".join(f"{n} x {what}" for what, n in counted)


@dataclass
class _InSeconds:
    """A test's clock as the stand-in reads it: in Unix seconds."""

    clock: FixedClock

    def now(self) -> float:
        return self.clock.now().timestamp()

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


_elsewhere: Counter[str] = Counter()  # what other processes of the session report


def hurried(app: Flask) -> Gateway | None:
    """The app's gateway, but its pages wait two seconds for Stripe, not five."""
    return build_gateway(replace(app.extensions["tollkeeper"].settings, stripe_page_limit=timedelta(seconds=2)))


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[StandIn]:
    """The session's server; its address never changes. Ask for `standin` to use it."""
    made = StandIn(TRAFFIC)
    yield made
    made.stop()


@pytest.fixture
def standin(stripe_server: StandIn, clock: FixedClock, wall: FixedClock) -> Iterator[StandIn]:
    """A fresh world on the test's clocks; what it said is checked when the test ends."""
    yield stripe_server.reset(clock, lambda: wall.now().timestamp())
    stripe_server.verify()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands its count to the one that prints."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["stripe"] = {"messages": TRAFFIC.count, "violations": len(TRAFFIC.violations)}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a process's count."""
    _elsewhere.update(getattr(node, "workeroutput", {}).get("stripe", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many messages were checked."""
    total = Counter(messages=TRAFFIC.count, violations=len(TRAFFIC.violations)) + _elsewhere
    if total:
        text = f"Stripe traffic: {total['messages']} messages checked, {total['violations']} violations"
        terminalreporter.write_line(text if CHECKER.exists() else "Stripe traffic: not checked (no description here)")
