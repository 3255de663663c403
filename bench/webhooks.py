"""The webhook benchmark: the same signed events, sent to our endpoint and to dj-stripe's, into the same database.

The events are of a type that dj-stripe only stores; for others it calls Stripe while Stripe waits. Our endpoint also
queues a task. No worker runs, since dj-stripe does no further work either.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from uuid import uuid4

import psycopg

from bench import djstripe, load
from bench.world import FOLDER, WEBHOOK_SECRET, World

CONNECTIONS = 16
WARM = 1  # seconds of warm-up, in which both load their code and open connections
MOST = 10_000  # events per second: more than either can handle
STORED = {
    "tollkeeper": "SELECT (SELECT count(*) FROM stripe_inbox),"
    " (SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'payments.apply')",
    "dj-stripe": "SELECT (SELECT count(*) FROM djstripe_event),"
    " (SELECT count(*) FROM djstripe_webhookeventtrigger WHERE valid AND processed)",
}


def receipts(world: World, base: str) -> tuple[float, float]:
    """Return receipts per second of both. Asserts that acknowledged events are stored, with their task or processed."""
    events = sign(FOLDER / "webhooks")
    ours = _receive(world, "tollkeeper", base, "/webhooks/stripe", events)
    with djstripe.served(world) as rival:
        return ours, _receive(world, "dj-stripe", rival, djstripe.TARGET, events)


def sign(path: Path) -> Path:
    """Write the events of a round to a file: the body with @ for the id, then the ids with their signatures."""
    now = int(time.time())
    body = json.dumps(_event("@", now), separators=(",", ":"))
    key, lines = WEBHOOK_SECRET.encode(), [body]
    for _ in range(MOST * (load.SECONDS + WARM)):
        name = uuid4().hex[:24]
        signed = f"{now}.{body.replace('@', name)}".encode()
        lines.append(f"{name} t={now},v1={hmac.new(key, signed, hashlib.sha256).hexdigest()}")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def _receive(world: World, receiver: str, base: str, target: str, events: Path) -> float:
    sent = {"EVENTS": str(events), "TARGET": target}
    load.wrk(base, CONNECTIONS, "webhook.lua", seconds=WARM, **sent, FROM=str(MOST * load.SECONDS))
    before = _stored(world, receiver)
    rate = load.wrk(base, CONNECTIONS, "webhook.lua", **sent, FROM="0")
    after = _stored(world, receiver)
    least = rate * (load.SECONDS - 0.1)
    assert all(now - then >= least for now, then in zip(after, before, strict=True)), "acknowledged, but not stored"
    return rate


def _stored(world: World, receiver: str) -> tuple[int, int]:
    with psycopg.connect(world.url) as connection:
        row = connection.execute(STORED[receiver]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _event(name: str, now: int) -> dict[str, object]:
    """An event as Stripe renders it at our version. All its ids end in `name`."""
    payment = {
        "id": f"inpay_{name}", "object": "invoice_payment", "amount_paid": 4900, "amount_requested": 4900,
        "created": now, "currency": "usd", "invoice": f"in_{name}", "is_default": True, "livemode": False,
        "payment": {"payment_intent": f"pi_{name}", "type": "payment_intent"}, "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": now},
    }  # fmt: skip
    return {
        "id": f"evt_{name}", "object": "event", "api_version": "2026-10-28.endive", "created": now,
        "data": {"object": payment}, "livemode": False, "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None}, "type": "invoice_payment.paid",
    }  # fmt: skip
