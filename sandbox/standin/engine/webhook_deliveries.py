"""Delivers events to webhook endpoints: signed, retried with growing delays, subject to the fault switches.

Times are wall-clock times, because signatures use them: moving the business clock must not age a signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PAUSES_S = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600)
TIMEOUT_S = 20.0
FOREVER = 9e12
LISTED = "SELECT seq, event, endpoint, state, tries, at, note FROM deliveries ORDER BY seq"
LISTED_IN = (
    "SELECT seq, event, endpoint, state, tries, at, note FROM deliveries WHERE state = ? AND at <= ? ORDER BY seq"
)
Sender = Callable[[str, bytes, dict[str, str]], int]


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint. `state`: waiting, done, dropped or failed."""

    seq: int
    event: str
    endpoint: str
    state: str
    tries: int
    at: float
    note: str


class Deliveries:
    """`send` posts a body and returns the status; it raises OSError if nobody answers."""

    def __init__(self, world: World, send: Sender, wall: Callable[[], float]) -> None:
        self.world, self.send, self.wall = world, send, wall

    def run(self, *, hurry: bool = False) -> int:
        """Attempt every delivery that is due (`hurry`: every waiting one); return how many were attempted."""
        switches = self.world.faults.webhooks
        if switches.hold:
            return 0
        waiting = self.listed("waiting", FOREVER if hurry else self.wall())
        attempted = 0
        for delivery in reversed(waiting) if switches.reorder else waiting:
            if switches.delay and not delivery.note and not hurry:
                self._record(delivery, "waiting", 0, self.wall() + switches.delay, "delayed")
            elif self.world.faults.consume_count("drop"):
                self._record(delivery, "dropped", delivery.tries, delivery.at, "dropped")
            else:
                attempted += 1
                self._attempt(delivery)
        return attempted

    def listed(self, state: str | None = None, until: float = FOREVER) -> list[Delivery]:
        """List deliveries, oldest first: all, or those in one state that are due by `until`."""
        query = (LISTED, ()) if state is None else (LISTED_IN, (state, until))
        with self.world.lock:
            return [Delivery(*row) for row in self.world.store.db.execute(*query)]

    def _attempt(self, delivery: Delivery) -> None:
        event, endpoint = self.world.find(delivery.event), self.world.find(delivery.endpoint)
        if event is None or endpoint is None or endpoint.get("deleted"):
            self._record(delivery, "dropped", delivery.tries, delivery.at, "no endpoint")
            return
        with self.world.lock:
            body = json.dumps(public(event), indent=2).encode()
        note = self._post(endpoint, body)
        if self.world.faults.consume_count("duplicate"):
            note = self._post(endpoint, body)
        if note == "":
            self._delivered(delivery, event)
            return
        tries = delivery.tries + 1
        pause = PAUSES_S[delivery.tries] if delivery.tries < len(PAUSES_S) else None
        state = "waiting" if pause is not None else "failed"
        self._record(delivery, state, tries, self.wall() + (pause or 0), note)

    def _post(self, endpoint: Obj, body: bytes) -> str:
        """Return an empty string if the endpoint accepted the event, else the reason."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks; sandbox)",
            "Stripe-Signature": signature(endpoint["_secret"], body, int(self.wall())),
        }
        try:
            status = self.send(endpoint["url"], body, headers)
        except OSError as error:
            return f"no answer ({type(error).__name__})"
        return "" if 200 <= status < 300 else f"answered {status}"

    def _delivered(self, delivery: Delivery, event: Obj) -> None:
        with self.world.change():
            event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)
            self.world.save(event)
            self._record(delivery, "done", delivery.tries + 1, self.wall(), "delivered")

    def _record(self, delivery: Delivery, state: str, tries: int, at: float, note: str) -> None:
        with self.world.lock:
            self.world.store.db.execute(
                "UPDATE deliveries SET state = ?, tries = ?, at = ?, note = ? WHERE seq = ?",
                (state, tries, at, note, delivery.seq),
            )


def list_due(world: World, wall: float) -> list[str]:
    """Name the events that wait to be delivered now: not those that a fault or a pause between tries holds back."""
    if world.faults.webhooks.hold:
        return []
    with world.lock:
        waiting = world.store.db.execute(LISTED_IN, ("waiting", wall)).fetchall()
        return [f"{(world.find(row[1]) or {}).get('type')} ({row[1]})" for row in waiting]


def signature(secret: str, body: bytes, at: int) -> str:
    """The `Stripe-Signature` header for the raw body at a time (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send by HTTP. A redirect is not followed and counts as a failure, as with Stripe."""
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  # the run's own address
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirects."""

    def redirect_request(self, *_: object) -> None:
        """Do not follow."""


_opener = urllib.request.build_opener(_NoRedirects)
