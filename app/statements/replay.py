"""Replays the running and past usage periods on every plan: what each would have cost, and what it would have refused.

Pure functions. Which plan is advised: `advice.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.kit.money import ZERO, round_half_away
from app.kit.periods import Period
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.past_usage import PastPeriod
from app.statements.plan_context import PlanContext, find_monthly_fee
from app.statements.plan_costs import calculate_usage_cost, find_terms, is_own


@dataclass(frozen=True, slots=True)
class ReplayedPeriod:
    """A usage period and what was used in it, imports included; of the running one, what it will have used at its end.

    `full`: meters of which the organisation's own limit was reached.
    """

    period: Period
    used: Mapping[str, Decimal]
    running: bool = False
    full: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class ReplayedCost:
    """A period on a plan, in minor units. `refused`: meters of which the plan would have refused some use.

    `short`: meters of which the own limit was reached where the plan's is no higher, so that it may have refused more.
    """

    fee: int
    usage: int
    refused: Sequence[str] = ()
    short: Sequence[str] = ()

    @property
    def amount(self) -> int:
        """Fee and usage."""
        return self.fee + self.usage


@dataclass(frozen=True, slots=True)
class ReplayedPlan:
    """A plan with its cost in each period. The plan of an organisation is its own version, with what was agreed."""

    offer: Offer
    own: bool
    costs: Sequence[ReplayedCost]

    @property
    def total(self) -> int:
        """The sum over the periods."""
        return sum(cost.amount for cost in self.costs)

    @property
    def fits(self) -> bool:
        """Whether the plan would have refused nothing in any of the periods."""
        return not any(cost.refused or cost.short for cost in self.costs)


@dataclass(frozen=True, slots=True)
class Replay:
    """Periods, oldest first and the running one last, and each plan that has a price with its costs in them.

    `seasoned`: the organisation has been on its plan for a whole period, and the running one has a forecast.
    """

    periods: Sequence[ReplayedPeriod]
    plans: Sequence[ReplayedPlan]
    seasoned: bool = False


def build_replay(
    offers: Sequence[Offer], context: PlanContext, usage: CurrentUsage, past: Sequence[PastPeriod]
) -> Replay:
    """Price the running period and past ones on each plan that has a price, in the context's currency and interval.

    Worked example: 60,000 calls in October and 10,000 so far, a third into November, with Pro at $49 for 50,000 and a
    cent above them: $149 for October, $49 for November with its forecast of 30,000.
    """
    periods = [ReplayedPeriod(each.period, each.used, full=each.full) for each in past]
    periods.append(_forecast(usage))
    plans = [
        ReplayedPlan(offer, is_own(offer, usage), [_price(offer, fee, context, usage, each) for each in periods])
        for offer in offers
        if (fee := _find_fee(offer, context, usage)) is not None
    ]
    known = any(each.plan_version_id == usage.plan_version_id for each in past)
    return Replay(periods, plans, seasoned=known and usage.has_forecast)


def _forecast(usage: CurrentUsage) -> ReplayedPeriod:
    """The running period as it will be at its end; while there is no forecast, as it is."""
    used = {each.key: max(each.use.used, each.projected_use) + each.use.imported for each in usage.meters}
    caps = {each.key: each.terms.cap for each in usage.meters}
    full = frozenset(each.key for each in usage.meters if (cap := caps[each.key]) and each.use.used >= cap)
    return ReplayedPeriod(usage.period, used, running=True, full=full)


def _find_fee(offer: Offer, context: PlanContext, usage: CurrentUsage) -> int | None:
    """The fee a month in minor units; None: a custom price, or one made by hand."""
    fee = find_monthly_fee(offer, context)
    if fee is None or (usage.own_price and is_own(offer, usage)):
        return None
    return round_half_away(fee)


def _is_known(offer: Offer, context: PlanContext, usage: CurrentUsage) -> bool:
    """Whether the running period's own figure is the plan's cost: imports and trials cost nothing."""
    imported = any(each.use.imported for each in usage.meters)
    return is_own(offer, usage) and context.currency == usage.currency and not imported and not usage.is_trial


def _price(offer: Offer, fee: int, context: PlanContext, usage: CurrentUsage, replayed: ReplayedPeriod) -> ReplayedCost:
    used = dict.fromkeys(offer.meters, ZERO) | dict(replayed.used)  # a minimum is owed without use
    terms = {meter: find_terms(offer, meter, context.currency, usage) for meter in used}
    cost = sum(calculate_usage_cost(terms[meter], quantity) for meter, quantity in used.items())
    if replayed.running and _is_known(offer, context, usage):
        cost = usage.projected_usage_cost
    caps = {meter: cap for meter, each in terms.items() if (cap := each.cap) is not None}
    refused = [meter for meter, cap in caps.items() if used[meter] > cap]
    short = [meter for meter in caps if meter in replayed.full and meter not in refused]
    return ReplayedCost(fee, cost, refused, [meter for meter in short if caps[meter] <= used[meter]])
