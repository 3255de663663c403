"""Builds the upgrade link for a refusal: the smallest plan on sale that would have allowed the usage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from app.catalog.queries import PLANS_ON_SALE_SQL
from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool
from app.subscriptions.terms.resolver import COLLECTED, MeterRule, resolve_meter
from app.web.addresses import absolute_url

SPANS = ("period", "minute", "hour", "day", "requests")
# Clients at their limit retry often, so this is cached. Plans on sale change only when a catalogue is applied.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1000


class PlanCaps(NamedTuple):
    """A plan's key, the meter's aggregation, and the plan's cap for every one of `SPANS`; None is unlimited."""

    plan: str
    aggregation: str | None
    caps: tuple[Decimal | None, ...]


class PlansOnSale(dict[str, tuple[float, list[PlanCaps]]]):
    """By meter: when its plans were read, and the plans."""

    def __init__(self, _pool: HotPool) -> None:
        super().__init__()


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
    kept, read_at = pool.shared(PlansOnSale), time.monotonic()
    cached = kept.get(meter)
    if cached is not None and read_at - cached[0] < _KEPT_SECONDS:
        return cached[1]
    try:
        with pool.connection() as connection:
            rows = connection.execute(PLANS_ON_SALE_SQL, (meter,)).fetchall()
    except Unavailable:
        return []  # still answer the refusal, with a link to the comparison
    plans = [_resolve_caps(*row) for row in rows]
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[meter] = (read_at, plans)
    return plans


def _resolve_caps(plan: str, aggregation: str | None, requests: Decimal | None, *rule: Any) -> PlanCaps:
    """Resolve the caps that an org on the plan would have; plans on sale cost something, so payment is collected."""
    terms = resolve_meter(MeterRule(*rule) if rule[0] else None, COLLECTED)
    return PlanCaps(plan, aggregation, (terms.cap, terms.per_minute, terms.per_hour, terms.per_day, requests))
