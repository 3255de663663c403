"""What stands in the books of both sides for one org, and when both have nothing left to tell each other."""

from __future__ import annotations

import json
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.stripe_gateway.gateway import API_VERSION
from sandbox.postgres import server as postgres
from tests.browser.stack import Stack, until

Row = dict[str, Any]
_OURS = {
    "customers": "SELECT id FROM stripe_customers WHERE org_id = %s",
    "mirrors": "SELECT id, status FROM stripe_subscriptions WHERE org_id = %s",
    "running": "SELECT p.key AS plan, s.collection, s.state FROM subscriptions s JOIN plan_versions v"
    " ON v.id = s.plan_version_id JOIN plans p ON p.id = v.plan_id WHERE s.org_id = %s AND s.ended_at IS NULL",
    "records": "SELECT state, amount, currency, transaction_id, card_last4 FROM billing_records WHERE org_id = %s",
    "checkouts": "SELECT state FROM checkouts WHERE org_id = %s ORDER BY opened_at",
    "inbox": "SELECT id, type, state, error, source FROM stripe_inbox WHERE org_id = %s",
}


@dataclass(frozen=True)
class Books:
    """Ours (rows of our tables) and theirs (objects at the stand-in) for one org."""

    ours: dict[str, list[Row]]
    subscriptions: list[Row]
    charges: list[Row]
    sessions: list[Row]

    def sold_once(self, amount: int = 4900) -> None:
        """One subscription on both sides, one charge that succeeded, one record, and they name the same payment."""
        assert [each["status"] for each in self.subscriptions] == ["active"]
        good = [each for each in self.charges if each["status"] == "succeeded"]
        assert [(each["amount"], each["currency"]) for each in good] == [(amount, "usd")]
        assert [(each["id"], each["status"]) for each in self.ours["mirrors"]] == [
            (self.subscriptions[0]["id"], "active")
        ]
        assert self.ours["running"] == [{"plan": "pro", "collection": "stripe", "state": "active"}]
        [record] = self.ours["records"]
        assert (record["state"], record["amount"], record["currency"]) == ("completed", amount, "USD")
        assert record["transaction_id"] == good[0]["payment_intent"]
        assert [each["state"] for each in self.ours["checkouts"]].count("completed") == 1
        self.nothing_waits()

    def sold_nothing(self, *states: str) -> None:
        """No subscription, no charge that succeeded, the Free plan; the checkouts have these states, oldest first."""
        assert self.subscriptions == []
        assert [each for each in self.charges if each["status"] == "succeeded"] == []
        assert self.ours["mirrors"] == []
        assert self.ours["running"] == []  # no stretch on a plan: the Free plan
        assert "completed" not in {each["state"] for each in self.ours["records"]}
        assert tuple(each["state"] for each in self.ours["checkouts"]) == states
        self.nothing_waits()

    def nothing_waits(self) -> None:
        """Every event that came was dealt with, and none failed."""
        assert {each["state"] for each in self.ours["inbox"]} <= {"applied", "ignored"}, self.ours["inbox"]

    @property
    def sources(self) -> set[str]:
        """How the events of the inbox came in: webhook, reconcile."""
        return {each["source"] for each in self.ours["inbox"]}


def read(stack: Stack, org_id: str) -> Books:
    """The books as they stand."""
    with psycopg.connect(postgres.url(stack.instance / "postgres"), row_factory=dict_row) as connection:
        ours = {name: connection.execute(asked, (org_id,)).fetchall() for name, asked in _OURS.items()}
    theirs = [each["id"] for each in _objects(stack, "customers") if each["metadata"].get("tollkeeper_org") == org_id]
    assert len(theirs) <= 1, "one customer for an org"
    assert theirs == [each["id"] for each in ours["customers"]]
    found = [
        _objects(stack, kind, customer=theirs[0], **more) if theirs else []
        for kind, more in (("subscriptions", {"status": "all"}), ("charges", {}), ("checkout/sessions", {}))
    ]
    return Books(ours, *found)


def settled(stack: Stack, org_id: str) -> Books:
    """The books once every webhook has arrived and every event was dealt with."""
    wait_for_events(stack, "webhooks to arrive and events to be applied", 30)
    return read(stack, org_id)


def wait_for_events(stack: Stack, what: str, seconds: float = 15) -> None:
    """Until no webhook is on its way and no event in the inbox is left to deal with, of any org."""
    theirs_at = f"file:{stack.instance}/stripe/standin.sqlite?mode=ro"
    with (
        closing(sqlite3.connect(theirs_at, uri=True)) as theirs,
        psycopg.connect(postgres.url(stack.instance / "postgres"), autocommit=True) as ours,
    ):

        def nothing_waits() -> bool:
            on_their_way = theirs.execute("SELECT 1 FROM deliveries WHERE state = 'waiting'").fetchone()
            left = ours.execute("SELECT 1 FROM stripe_inbox WHERE state = 'received' LIMIT 1").fetchone()
            return not on_their_way and not left

        until(nothing_waits, what, seconds)


def make_code(stack: Stack, code: str, percent_off: int) -> None:
    """A promotion code at the stand-in, for the first payment."""
    coupon = call(stack, "POST", "coupons", [("percent_off", str(percent_off)), ("duration", "once")])
    call(stack, "POST", "promotion_codes",
         [("promotion[type]", "coupon"), ("promotion[coupon]", coupon["id"]), ("code", code)])  # fmt: skip


def call(stack: Stack, method: str, path: str, form: Sequence[tuple[str, str]] = ()) -> Any:
    """A call to the stand-in's API with the installation's key."""
    key = (stack.instance / "stripe_secret_key").read_text(encoding="ascii")
    fields = urllib.parse.urlencode(form)
    url = f"{stack.stripe}/v1/{path}" + (f"?{fields}" if method == "GET" else "")
    request = urllib.request.Request(url, fields.encode() if method == "POST" else None, method=method)
    request.add_header("Authorization", f"Bearer {key.strip()}")
    request.add_header("Stripe-Version", API_VERSION)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _objects(stack: Stack, kind: str, **match: str) -> list[Row]:
    found = call(stack, "GET", kind, [*match.items(), ("limit", "100")])
    assert not found["has_more"]
    rows: list[Row] = found["data"]
    return rows
