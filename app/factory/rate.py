"""The plan's requests-per-minute limit: approximate, in memory, split between processes. It protects the service."""

from __future__ import annotations

import time
from decimal import Decimal
from threading import Lock
from uuid import UUID

from flask import Response, g

from app.kit.errors import Refused
from app.metering.upgrade_url import upgrade_url
from app.subscriptions.queries import RATE_SQL
from app.web.runtime import business_now, runtime, wall_now

_CACHE_SECONDS = 5.0
_CACHE_SIZE = 50_000
_cache: dict[UUID, tuple[float, int | None]] = {}


class Minute:
    """Requests of each org in the current minute; resets every minute."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._minute = 0
        self._sent: dict[UUID, int] = {}

    def count(self, org_id: UUID, minute: int) -> int:
        """Count one request; return the org's total for the minute, including this one."""
        with self._lock:
            if minute != self._minute:
                self._minute, self._sent = minute, {}
            count_sent = self._sent[org_id] = self._sent.get(org_id, 0) + 1
        return count_sent


_minute = Minute()


def spend(org_id: UUID) -> None:
    """Count one request of the org; raise `rate_limited` above the plan's requests per minute."""
    allowed = _get_limit(org_id)
    if allowed is None:
        return
    context = runtime()
    share = max(1, allowed // context.settings.web_processes)
    minute, second = divmod(int(wall_now().timestamp()), 60)
    count_sent, wait = _minute.count(org_id, minute), 60 - second
    g.rate = (allowed, max(0, share - count_sent), wait)
    if count_sent > share:
        raise Refused(
            f"Your plan allows {allowed} requests a minute.", code="rate_limited", limit=str(allowed), retry_after=wait,
            upgrade_url=upgrade_url(context.pool, "", "requests", used=Decimal(allowed), refused=Decimal(1)),
        )  # fmt: skip


def describe(response: Response) -> None:
    """Add `RateLimit` headers if the request was counted."""
    if "rate" in g:
        allowed, remaining, wait = g.rate
        response.headers.add("RateLimit-Policy", f'"requests";q={allowed};w=60')
        response.headers.add("RateLimit", f'"requests";r={remaining};t={wait}')


def _get_limit(org_id: UUID) -> int | None:
    """The limit in force, at most five seconds old."""
    now = time.monotonic()
    cached = _cache.get(org_id)
    if cached is not None and now - cached[0] < _CACHE_SECONDS:
        return cached[1]
    with runtime().pool.connection() as connection:
        row = connection.execute(RATE_SQL, {"org_id": org_id, "now": business_now()}).fetchone()
    allowed = int(row[0]) if row is not None and row[0] is not None else None
    if len(_cache) >= _CACHE_SIZE:
        _cache.clear()
    _cache[org_id] = (now, allowed)
    return allowed
