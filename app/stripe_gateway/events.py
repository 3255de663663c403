"""Events, which Stripe keeps for thirty days; they make up for lost webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway
from app.stripe_gateway.reading import Raw

MAX_TYPES = 20


def list_since(gw: Gateway, types: Sequence[str], created_from: datetime) -> Iterator[dict[str, Any]]:
    """List the events of these types created at or after a time, oldest first; fetched page by page."""
    wanted = frozenset(types)
    # Stripe accepts at most twenty types. For more, fetch all and filter here, which keeps one order.
    params: dict[str, Any] = {"types": list(types)} if len(types) <= MAX_TYPES else {}
    for event in _list_oldest_first(gw, params, {"gte": int(created_from.timestamp())}):
        if reading.text(event, "type") in wanted:
            yield dict(event)


def list_latest(gw: Gateway, types: Sequence[str], created_from: datetime) -> Iterator[Raw]:
    """List the events of at most twenty types created at or after a time, newest first; fetched page by page."""
    return _list(gw, {"types": list(types), "created": {"gte": int(created_from.timestamp())}})


def _list_oldest_first(gw: Gateway, params: dict[str, Any], created: dict[str, int]) -> Iterator[Raw]:
    # Lists start with the newest. Find the oldest first, then page upwards from it: no list is held in memory.
    oldest: Raw | None = None
    for event in _list(gw, {**params, "created": created}):
        oldest = event
    if oldest is not None:
        yield oldest
        yield from _list(gw, {**params, "ending_before": reading.text(oldest, "id")})


def _list(gw: Gateway, params: dict[str, Any]) -> Iterator[Raw]:
    return gw.pages(lambda v1, page: v1.events.list(page), params)
