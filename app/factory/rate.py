"""The requests-a-minute limit of the plan: approximate, in memory, each process its share. It guards the service."""

from __future__ import annotations

import time
from uuid import UUID

from flask import Response, g
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.kit.errors import Refused
from app.subscriptions.queries import RATE_SQL
from app.web.runtime import business_now, runtime, wall_now

_KEPT_SECONDS = 5.0
_MOST_KEPT = 50_000
_limiter = FixedWindowRateLimiter(MemoryStorage())
_allowed: dict[UUID, tuple[float, int | None]] = {}


def spend(org_id: UUID) -> None:
    """Count one request of the org; raises `rate_limited` above the plan's requests a minute."""
    allowed = _allowed_for(org_id)
    if allowed is None:
        return
    item = RateLimitItemPerMinute(max(1, allowed // runtime().settings.web_processes))
    fits = _limiter.hit(item, str(org_id))
    state = _limiter.get_window_stats(item, str(org_id))
    wait = max(1, int(state.reset_time - wall_now().timestamp()) + 1)
    g.rate = (allowed, state.remaining, wait)
    if not fits:
        raise Refused(
            f"The plan allows {allowed} requests a minute.", code="rate_limited", limit=str(allowed), retry_after=wait
        )


def describe(response: Response) -> None:
    """Say in `RateLimit` headers what is left, where a limit was counted."""
    if "rate" in g:
        allowed, remaining, wait = g.rate
        response.headers["RateLimit-Policy"] = f'"requests";q={allowed};w=60'
        response.headers["RateLimit"] = f'"requests";r={remaining};t={wait}'


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
