"""Requests, responses and examples of the Stripe inbox API."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.kit.fields import Instant, ShortText
from app.web.paging import Limit

State = Literal["received", "applied", "ignored", "refused", "parked", "failed"]


class InboxQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`type` is a type or its prefix, `search` an id, `next` the cursor from the previous page."""

    state: State | None = None
    type: ShortText | None = None
    search: ShortText | None = None
    limit: Limit = 50
    next: str | None = None


class StripeEventOut(msgspec.Struct):
    """An event and its state; `error` says why it was ignored, refused, parked or failed."""

    id: str
    type: str
    state: State
    attempts: int
    error: str | None
    object_id: str | None
    customer_id: str | None
    org_id: str | None
    source: Literal["webhook", "reconcile"]
    livemode: bool
    api_version: str | None
    created_at: Instant
    received_at: Instant
    settled_at: Instant | None


class InboxAnswer(msgspec.Struct):
    """Latest first; `next` is null on the last page; `counts` is by state."""

    events: list[StripeEventOut]
    counts: dict[str, int]
    next: str | None


class ReplayAnswer(msgspec.Struct):
    """The event is queued again."""

    id: str
    state: Literal["received"]


_EVENT = {
    "id": "evt_1QxY7sB2eZvKYlo2C0p3mW5n",
    "type": "invoice.payment_failed",
    "state": "failed",
    "attempts": 5,
    "error": "StripeAway: Our payment provider is not responding. Please try again in a minute.",
    "object_id": "in_1QxY7rB2eZvKYlo2uS3dXk8q",
    "customer_id": "cus_RqLm4PzT7aVbNc",
    "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
    "source": "webhook",
    "livemode": False,
    "api_version": "2026-10-28.endive",
    "created_at": "2026-11-21T11:59:58Z",
    "received_at": "2026-11-21T12:00:00Z",
    "settled_at": "2026-11-21T12:05:11Z",
}
EVENTS = {
    "events": [_EVENT],
    "counts": {"received": 0, "applied": 412, "ignored": 96, "refused": 0, "parked": 0, "failed": 1},
    "next": None,
}
REPLAYED = {"id": _EVENT["id"], "state": "received"}
