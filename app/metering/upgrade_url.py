"""Builds the upgrade link for a refusal: the smallest plan on sale that would have allowed the usage."""

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
# Clients at their limit retry often, so this is cached. Plans on sale change only when a catalogue is applied.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1000
_cache: dict[str, tuple[float, list[PlanCaps]]] = {}


class PlanCaps(NamedTuple):
    """A plan's key, the meter's aggregation, and the plan's cap for every one of `SPANS`; None is unlimited."""

    plan: str
    aggregation: str | None
    caps: tuple[Decimal | None, ...]


def upgrade_url(pool: HotPool, meter: str, span: str, *, used: Decimal, refused: Decimal) -> str:
    """Link to the plan that allows `refused` on top of `used` in the span, or to the plan comparison if none does.

    Runs at most one statement every five seconds per meter and process. `meter` is '' for requests per minute.
    """
    plan = find_smallest_plan(_load_plans(pool, meter), span, used, refused)
    return absolute_url("billing.upgrade", key=plan) if plan else absolute_url("plans.index")


def find_smallest_plan(plans: Sequence[PlanCaps], span: str, used: Decimal, refused: Decimal) -> str | None:
    """Find the first plan with enough room: for the highest value of a `max` meter, for the sum of others. Pure."""
    place = SPANS.index(span)
    for plan in plans:
        cap, needed = plan.caps[place], max(used, refused) if plan.aggregation == "max" else used + refused
        if cap is None or cap >= needed:
            return plan.plan
    return None


def _load_plans(pool: HotPool, meter: str) -> list[PlanCaps]:
    read_at = time.monotonic()
    cached = _cache.get(meter)
    if cached is not None and read_at - cached[0] < _KEPT_SECONDS:
        return cached[1]
    try:
        with pool.connection() as connection:
            rows = connection.execute(PLAN_CAPS_SQL, (meter,)).fetchall()
    except Unavailable:
        return []  # still answer the refusal, with a link to the comparison
    plans = [PlanCaps(key, aggregation, tuple(caps)) for key, aggregation, *caps in rows]
    if len(_cache) >= _MOST_KEPT:
        _cache.clear()
    _cache[meter] = (read_at, plans)
    return plans
