"""Events as Stripe keeps them, for thirty days: what a lost webhook would have said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway
from app.stripe_gateway.reading import Raw

MOST_TYPES = 20


def list_since(gw: Gateway, types: Sequence[str], created_from: datetime) -> Iterator[dict[str, Any]]:
    """The events of these types made at or after a time, oldest first; asked for page by page."""
    wanted = frozenset(types)
    # Stripe takes twenty types at most. More: all come, and we choose, so that the order of all stays one.
    asked: dict[str, Any] = {"types": list(types)} if len(types) <= MOST_TYPES else {}
    for event in _upwards(gw, asked, {"gte": int(created_from.timestamp())}):
        if reading.text(event, "type") in wanted:
            yield dict(event)


def _upwards(gw: Gateway, asked: dict[str, Any], created: dict[str, int]) -> Iterator[Raw]:
    # Lists begin with the newest. The oldest is looked for first, then walked up from: no list is kept in memory.
    oldest: Raw | None = None
    for event in _list(gw, {**asked, "created": created}):
        oldest = event
    if oldest is not None:
        yield oldest
        yield from _list(gw, {**asked, "ending_before": reading.text(oldest, "id")})


def _list(gw: Gateway, params: dict[str, Any]) -> Iterator[Raw]:
    return gw.pages(lambda v1, asked: v1.events.list(asked), params)
