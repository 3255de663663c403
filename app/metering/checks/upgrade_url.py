"""Where a refusal leads: the smallest plan on sale that would have taken what was refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from app.catalog.queries import PLAN_CAPS_SQL
from app.kit.errors import Unavailable
from app.kit.pool import HotPool
from app.web.addresses import absolute_url

SPANS = ("period", "minute", "hour", "day", "requests")
# Who stands at a limit asks again and again; what is on sale changes when a catalogue is applied.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1000
_known: dict[str, tuple[float, list[Room]]] = {}


class Room(NamedTuple):
    """A plan, how the meter adds up, and up to where the plan takes it in each of `SPANS`; None is without end."""

    plan: str
    aggregation: str | None
    caps: tuple[Decimal | None, ...]


def upgrade_url(pool: HotPool, meter: str, span: str, *, held: Decimal, refused: Decimal) -> str:
    """The page that sells the plan which takes `refused` beside what is `held` in the span; else the comparison.

    One statement at most, in five seconds a meter and process. `meter` is '' for requests a minute.
    """
    plan = smallest(_rooms(pool, meter), span, held, refused)
    return absolute_url("billing.upgrade", key=plan) if plan else absolute_url("plans.index")


def smallest(rooms: Sequence[Room], span: str, held: Decimal, refused: Decimal) -> str | None:
    """The first plan that takes it; pure. A `max` meter needs room for its highest value, others for the sum."""
    place = SPANS.index(span)
    for room in rooms:
        cap, needed = room.caps[place], max(held, refused) if room.aggregation == "max" else held + refused
        if cap is None or cap >= needed:
            return room.plan
    return None


def _rooms(pool: HotPool, meter: str) -> list[Room]:
    read_at = time.monotonic()
    kept = _known.get(meter)
    if kept is not None and read_at - kept[0] < _KEPT_SECONDS:
        return kept[1]
    try:
        with pool.connection() as connection:
            rows = connection.execute(PLAN_CAPS_SQL, (meter,)).fetchall()
    except Unavailable:
        return []  # a refusal is an answer: it is not lost for the want of a better link
    found = [Room(key, aggregation, tuple(caps)) for key, aggregation, *caps in rows]
    if len(_known) >= _MOST_KEPT:
        _known.clear()
    _known[meter] = (read_at, found)
    return found
