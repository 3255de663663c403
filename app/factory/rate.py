"""The limit of requests per minute that protects the service: the plan's for an organisation, a setting's for staff.

Counted by node (decision 6): the processes of a node share one count, and each of `WEB_NODES` admits its share.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Flask, Request, current_app, g

from app.accounts.identity import Caller
from app.factory import headers
from app.factory.node_counts import NodeCounts
from app.kit.errors import Refused, Unavailable
from app.metering.upgrade_url import upgrade_url
from app.settings import Settings
from app.subscriptions.entitlements import get_entitlements
from app.subscriptions.queries import RATE_SQL
from app.web.database import session
from app.web.runtime import business_now, runtime

_CACHE_SECONDS = 5.0
_CACHE_SIZE = 50_000
_EXTENSION = "tollkeeper.rate"


class RateLimits:
    """A running app's counts, and the plans' limits as last read."""

    def __init__(self, settings: Settings) -> None:
        self.counts = NodeCounts(settings.secret_key)
        self._read: dict[UUID, tuple[float, int | None]] = {}

    def get_plan_limit(self, org_id: UUID) -> int | None:
        """The limit in force, at most five seconds old."""
        now = time.monotonic()
        known = self._read.get(org_id)
        if known is not None and now - known[0] < _CACHE_SECONDS:
            return known[1]
        with runtime().pool.connection() as connection:
            row = connection.execute(RATE_SQL, {"org_id": org_id, "now": business_now()}).fetchone()
        allowed = _preview_limit(org_id) if row is None else None if row[0] is None else int(row[0])
        if len(self._read) >= _CACHE_SIZE:
            self._read.clear()
        self._read[org_id] = (now, allowed)
        return allowed


def register(app: Flask, settings: Settings) -> None:
    """Give the app its counts."""
    app.extensions[_EXTENSION] = RateLimits(settings)


def spend(caller: Caller) -> None:
    """Count one request of a key; raise `rate_limited` above what it is allowed in a minute.

    The keys of an organisation spend its plan's number together. A staff key has its own and never spends that of the
    organisation it acts for.
    """
    limits: RateLimits = current_app.extensions[_EXTENSION]
    running = runtime()
    settings = running.settings
    allowed: int | None = settings.staff_requests_per_minute
    owner = caller.key_id if caller.kind == "staff_key" else caller.org_id
    if caller.kind != "staff_key" and owner is not None:
        allowed = limits.get_plan_limit(owner)
    if owner is None or allowed is None:
        return
    share = max(1, allowed // settings.web_nodes)
    minute, second = divmod(int(running.clocks.wall.now().timestamp()), 60)
    count_sent, wait = limits.counts.count(owner, minute), 60 - second
    g.rate = (share, max(0, share - count_sent), wait)
    if count_sent > share:
        _refuse(caller, allowed, share, wait)


def describe(asked: Request, kept: Any) -> None:
    """Add `RateLimit` headers to the answer if the request, whose `g` is `kept`, was counted."""
    if (counted := kept.get("rate")) is not None:
        share, remaining, wait = counted
        headers.add(asked, "RateLimit-Policy", f'"requests";q={share};w=60')
        headers.add(asked, "RateLimit", f'"requests";r={remaining};t={wait}')


def _refuse(caller: Caller, allowed: int, share: int, wait: int) -> None:
    here = "" if share == allowed else f", {share} of them on this server"
    if caller.kind == "staff_key":
        words = f"A staff key is allowed {allowed} requests a minute{here}."
        raise Refused(words, code="rate_limited", limit=str(share), retry_after=wait)
    raise Refused(
        f"Your plan allows {allowed} requests a minute{here}.", code="rate_limited", limit=str(share), retry_after=wait,
        upgrade_url=upgrade_url(
            runtime().pool, caller.org_id, "", "requests", used=Decimal(allowed), refused=Decimal(1)
        ),
    )  # fmt: skip


def _preview_limit(org_id: UUID) -> int | None:
    """The limit that the org will have once its terms are resolved; none before a catalogue is applied."""
    try:
        return get_entitlements(session(), org_id, business_now()).requests_per_minute
    except Unavailable:
        return None
