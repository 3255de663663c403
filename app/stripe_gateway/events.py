"""Events as Stripe keeps them, for thirty days: what a lost webhook would have said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.stripe_gateway import reading
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.gateway import Gateway, known
from app.stripe_gateway.reading import Raw

MOST_TYPES = 20


def retrieve(gw: Gateway, event_id: str) -> dict[str, Any]:
    """An event. Raises `StripeMissing`, also for one that is more than thirty days old."""
    known(event_id)
    return dict(gw.get(lambda v1: v1.events.retrieve(event_id)))


def since(gw: Gateway, after_id: str | None, types: Sequence[str], created_from: datetime) -> Iterator[dict[str, Any]]:
    """The events of these types after that one, oldest first; asked for page by page, so stop whenever you like.

    Without `after_id`, and when Stripe has forgotten it: those made at or after `created_from`.
    """
    wanted = frozenset(types)
    # Stripe takes twenty types at most. More: all come, and we choose, so that the order of all stays one.
    asked: dict[str, Any] = {"types": list(types)} if len(types) <= MOST_TYPES else {}
    for event in _after(gw, after_id, asked, {"gte": int(created_from.timestamp())}):
        if reading.text(event, "type") in wanted:
            yield dict(event)


def _after(gw: Gateway, after_id: str | None, asked: dict[str, Any], created: dict[str, int]) -> Iterator[Raw]:
    if after_id is not None:
        try:
            yield from _list(gw, {**asked, "ending_before": known(after_id)})
        except StripeMissing:
            pass  # forgotten: begin at the time instead; said at the first page, before anything was yielded
        else:
            return
    # Lists begin with the newest. The oldest is looked for first, then walked up from: no list is kept in memory.
    oldest: Raw | None = None
    for event in _list(gw, {**asked, "created": created}):
        oldest = event
    if oldest is not None:
        yield oldest
        yield from _list(gw, {**asked, "ending_before": reading.text(oldest, "id")})


def _list(gw: Gateway, params: dict[str, Any]) -> Iterator[Raw]:
    return gw.pages(lambda v1, asked: v1.events.list(asked), params)
