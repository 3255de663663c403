"""Shapes of the replay: past months of usage on every plan. Amounts are minor units of `currency`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from app.kit.fields import CurrencyCode, Instant
from app.payments.schemas import Span
from app.statements.advice import find_best_fit, find_objection
from app.statements.past_usage import MOST_MONTHS
from app.statements.plan_context import PlanContext
from app.statements.replay import Replay, ReplayedPeriod, ReplayedPlan


class ReplayWanted(msgspec.Struct, forbid_unknown_fields=True):
    """How many past usage periods, at which prices; `currency` is your own if it is left out."""

    months: Annotated[int, msgspec.Meta(ge=1, le=MOST_MONTHS)] = 3
    interval: Literal["month", "year"] = "month"
    currency: CurrencyCode | None = None


class ReplayedMeter(msgspec.Struct):
    """What was used of a meter, imports included; in the running period, what is expected at its end."""

    meter: str
    used: Decimal


class ReplayedMonth(msgspec.Struct):
    """A usage period; `running` is the one that is not over."""

    period: Span
    running: bool
    meters: list[ReplayedMeter]


class ReplayedAmount(msgspec.Struct):
    """A period on a plan: a month's fee, and usage by its terms. `refused`: meters of which it refuses some."""

    fee: int
    usage: int
    amount: int
    refused: list[str]


class ReplayedOffer(msgspec.Struct):
    """A plan over the periods, in their order; `current` is your own version, with what was agreed with you.

    `fits`: it refuses nothing. `advised`: it costs least of those that may be advised. `objection` is why it may not:
    `refuses`; `dearer_now`, than your plan in the running period; `too_early`: a lower plan, and your past months were
    used under other limits.
    """

    plan: str
    name: str
    current: bool
    total: int
    fits: bool
    advised: bool
    objection: Literal["refuses", "dearer_now", "too_early"] | None
    periods: list[ReplayedAmount]


class PlanReplayAnswer(msgspec.Struct):
    """Usage periods, oldest first and the running one last, and every plan that has a price."""

    currency: str
    interval: str
    periods: list[ReplayedMonth]
    plans: list[ReplayedOffer]
    as_of: Instant


def build_replay_answer(replay: Replay, context: PlanContext, as_of: Instant) -> PlanReplayAnswer:
    """The replay as the API gives it."""
    best = find_best_fit(replay)
    return PlanReplayAnswer(
        currency=context.currency,
        interval=context.interval,
        periods=[_build_month(each) for each in replay.periods],
        plans=[_build_offer(plan, replay, advised=plan is best) for plan in replay.plans],
        as_of=as_of,
    )


def _build_month(replayed: ReplayedPeriod) -> ReplayedMonth:
    return ReplayedMonth(
        Span(replayed.period.start, replayed.period.end),
        replayed.running,
        [ReplayedMeter(meter, used) for meter, used in replayed.used.items()],
    )


def _build_offer(plan: ReplayedPlan, replay: Replay, *, advised: bool) -> ReplayedOffer:
    return ReplayedOffer(
        plan=plan.offer.key,
        name=plan.offer.name,
        current=plan.own,
        total=plan.total,
        fits=plan.fits,
        advised=advised,
        objection=find_objection(plan, replay),
        periods=[ReplayedAmount(cost.fee, cost.usage, cost.amount, list(cost.refused)) for cost in plan.costs],
    )
