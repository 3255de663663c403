"""Builds the upgrade link for a refusal: the smallest other plan on sale that would have allowed the usage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.catalog.queries import PLANS_ON_SALE_SQL
from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool
from app.subscriptions.queries import OWN_PLAN_SQL
from app.subscriptions.terms.resolver import COLLECTED, MeterRule, resolve_meter
from app.web.addresses import absolute_url

SPANS = ("period", "minute", "hour", "day", "requests")
# Clients at their limit retry often, so this is cached. Plans on sale change only when a catalogue is applied.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1000


class PlanCaps(NamedTuple):
    """A plan's key, the meter's aggregation, and the plan's cap for every one of `SPANS`; None is unlimited.

    `tried` is the period's cap for who tries the plan.
    """

    plan: str
    aggregation: str | None
    caps: tuple[Decimal | None, ...]
    tried: Decimal | None = None


class OwnPlan(NamedTuple):
    """The plan that an org subscribes to, if any. Whoever changes from a plan that they are trying tries the next."""

    key: str | None = None
    trying: bool = False


NO_PLAN = OwnPlan()


class PlansOnSale(dict[str, tuple[float, list[PlanCaps]]]):
    """By meter: when its plans were read, and the plans."""

    def __init__(self, _pool: HotPool) -> None:
        super().__init__()


class OwnPlans(dict[UUID, tuple[float, OwnPlan]]):
    """By org: when its plan was read, and the plan."""

    def __init__(self, _pool: HotPool) -> None:
        super().__init__()


def upgrade_url(pool: HotPool, org_id: UUID | None, meter: str, span: str, *, used: Decimal, refused: Decimal) -> str:
    """Link to the plan that allows `refused` on top of `used` in the span, or to the plan comparison if none does.

    Never to the org's own plan: a refusal never sells what the org has (rule 2.3). Runs at most two statements every
    five seconds: one per meter and process, one per org. `meter` is '' for requests per minute.
    """
    plans = _load_plans(pool, meter)
    plan = (
        find_smallest_plan(plans, span, used, refused, _find_own(pool, org_id) if org_id else NO_PLAN)
        if plans
        else None
    )
    return absolute_url("billing.upgrade", key=plan) if plan else absolute_url("plans.index")


def find_smallest_plan(
    plans: Sequence[PlanCaps], span: str, used: Decimal, refused: Decimal, own: OwnPlan = NO_PLAN
) -> str | None:
    """Find the first other plan with enough room: for the highest value of a `max` meter, else for the sum. Pure."""
    place = SPANS.index(span)
    for plan in plans:
        cap = plan.tried if own.trying and span == "period" else plan.caps[place]
        needed = max(used, refused) if plan.aggregation == "max" else used + refused
        if plan.plan != own.key and (cap is None or cap >= needed):
            return plan.plan
    return None


def _find_own(pool: HotPool, org_id: UUID) -> OwnPlan:
    kept, read_at = pool.shared(OwnPlans), time.monotonic()
    cached = kept.get(org_id)
    if cached is not None and read_at - cached[0] < _KEPT_SECONDS:
        return cached[1]
    try:
        with pool.connection() as connection:
            row = connection.execute(OWN_PLAN_SQL, (org_id,)).fetchone()
    except Unavailable:
        return NO_PLAN
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[org_id] = (read_at, OwnPlan(*row) if row else NO_PLAN)
    return kept[org_id][1]


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


def _resolve_caps(
    plan: str, aggregation: str | None, requests: Decimal | None, trial_overage: str, *rule: Any
) -> PlanCaps:
    """Resolve the caps that an org on the plan would have; plans on sale cost something, so payment is collected."""
    granted = MeterRule(*rule) if rule[0] else None
    terms, tried = resolve_meter(granted, COLLECTED), resolve_meter(granted, COLLECTED, trial=trial_overage)
    caps = (terms.cap, terms.per_minute, terms.per_hour, terms.per_day, requests)
    return PlanCaps(plan, aggregation, caps, tried.cap)
