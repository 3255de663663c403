"""The requests-a-minute limit of the plan: approximate, in memory, each process its share. It guards the service."""

from __future__ import annotations

import time
from decimal import Decimal
from threading import Lock
from uuid import UUID

from flask import Response, g

from app.kit.errors import Refused
from app.metering.checks.upgrade_url import upgrade_url
from app.subscriptions.queries import RATE_SQL
from app.web.runtime import business_now, runtime, wall_now

_KEPT_SECONDS = 5.0
_MOST_KEPT = 50_000
_allowed: dict[UUID, tuple[float, int | None]] = {}


class Minute:
    """How many requests each org sent in the running minute; all start anew with the next."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._minute = 0
        self._sent: dict[UUID, int] = {}

    def count(self, org_id: UUID, minute: int) -> int:
        """Count one request; answers how many there are by now, this one included."""
        with self._lock:
            if minute != self._minute:
                self._minute, self._sent = minute, {}
            sent = self._sent[org_id] = self._sent.get(org_id, 0) + 1
        return sent


_minute = Minute()


def spend(org_id: UUID) -> None:
    """Count one request of the org; raises `rate_limited` above the plan's requests a minute."""
    allowed = _allowed_for(org_id)
    if allowed is None:
        return
    held = runtime()
    share = max(1, allowed // held.settings.web_processes)
    minute, second = divmod(int(wall_now().timestamp()), 60)
    sent, wait = _minute.count(org_id, minute), 60 - second
    g.rate = (allowed, max(0, share - sent), wait)
    if sent > share:
        raise Refused(
            f"The plan allows {allowed} requests a minute.", code="rate_limited", limit=str(allowed), retry_after=wait,
            upgrade_url=upgrade_url(held.pool, "", "requests", used=Decimal(allowed), refused=Decimal(1)),
        )  # fmt: skip


def describe(response: Response) -> None:
    """Say in `RateLimit` headers what is left, where a limit was counted."""
    if "rate" in g:
        allowed, remaining, wait = g.rate
        response.headers.add("RateLimit-Policy", f'"requests";q={allowed};w=60')
        response.headers.add("RateLimit", f'"requests";r={remaining};t={wait}')


def _allowed_for(org_id: UUID) -> int | None:
    """The limit in force, at most five seconds old."""
    now = time.monotonic()
    kept = _allowed.get(org_id)
    if kept is not None and now - kept[0] < _KEPT_SECONDS:
        return kept[1]
    with runtime().pool.connection() as connection:
        row = connection.execute(RATE_SQL, {"org_id": org_id, "now": business_now()}).fetchone()
    allowed = int(row[0]) if row is not None and row[0] is not None else None
    if len(_allowed) >= _MOST_KEPT:
        _allowed.clear()
    _allowed[org_id] = (now, allowed)
    return allowed
