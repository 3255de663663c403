"""Where a refusal leads: the smallest plan on sale that would have taken what was refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from app.catalog.queries import ROOM_SQL
from app.kit.errors import Unavailable
from app.kit.pool import HotPool

SPANS = ("period", "minute", "hour", "day", "requests")
# Who stands at a limit asks again and again; what is on sale changes when a catalogue is applied.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1000
_known: dict[str, tuple[float, list[Room]]] = {}


class Room(NamedTuple):
    """A plan, and up to where it takes a meter in each of `SPANS`; None is without end."""

    plan: str
    caps: tuple[Decimal | None, ...]


def upgrade_url(pool: HotPool, base_url: str, meter: str, span: str, needed: Decimal) -> str:
    """The page that sells the plan which holds `needed` of the meter in the span; the comparison when none does.

    One statement at most, in five seconds a meter and process. `meter` is '' for requests a minute.
    """
    plan = smallest(_rooms(pool, meter), span, needed)
    return f"{base_url}/billing/upgrade/{plan}" if plan else f"{base_url}/plans"


def smallest(rooms: Sequence[Room], span: str, needed: Decimal) -> str | None:
    """The first plan that holds so much; pure."""
    place = SPANS.index(span)
    return next((each.plan for each in rooms if (cap := each.caps[place]) is None or cap >= needed), None)


def _rooms(pool: HotPool, meter: str) -> list[Room]:
    read_at = time.monotonic()
    kept = _known.get(meter)
    if kept is not None and read_at - kept[0] < _KEPT_SECONDS:
        return kept[1]
    try:
        with pool.connection() as connection:
            rows = connection.execute(ROOM_SQL, (meter,)).fetchall()
    except Unavailable:
        return []  # a refusal is an answer: it is not lost for the want of a better link
    found = [Room(key, tuple(caps)) for key, *caps in rows]
    if len(_known) >= _MOST_KEPT:
        _known.clear()
    _known[meter] = (read_at, found)
    return found
