"""What each plan costs a month by usage of one meter: points that a chart draws and a slider reads. Pure functions.

Every point is rated as an invoice is; nobody else computes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from app.kit.money import ZERO, round_half_away
from app.statements.current_usage import CurrentUsage
from app.statements.figures import UsageTerms
from app.statements.offers import Offer, OfferMeter
from app.statements.plan_context import PlanContext, find_monthly_fee
from app.statements.plan_costs import calculate_usage_cost, find_terms

STEPS = 40
_NICE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A usage of the meter, and what each plan costs a month with it, in minor units; None: the plan refuses it."""

    used: Decimal
    costs: Sequence[int | None]

    @property
    def cheapest(self) -> int | None:
        """The index of the cheapest plan that refuses nothing; the first of several."""
        priced = [(cost, number) for number, cost in enumerate(self.costs) if cost is not None]
        return min(priced)[1] if priced else None


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Costs from nothing to `top`, in equal steps. `ends` are the caps of the plans: where their lines end."""

    meter: OfferMeter
    offers: Sequence[Offer]
    ends: Sequence[CurvePoint | None]
    points: Sequence[CurvePoint]
    here: CurvePoint
    own: Decimal | None
    top: Decimal


class _PlanRate(NamedTuple):
    """What a plan's cost follows from at any usage of the meter: its terms of it, and all other costs (`base`)."""

    terms: UsageTerms
    base: int

    def price(self, used: Decimal) -> int | None:
        if self.terms.cap is not None and used > self.terms.cap:
            return None
        return self.base + calculate_usage_cost(self.terms, used)


def _rate_plan(offer: Offer, context: PlanContext, usage: CurrentUsage | None, meter: str) -> _PlanRate:
    others = {**dict.fromkeys(offer.meters, ZERO), **find_expected_use(usage)}
    base = round_half_away(find_monthly_fee(offer, context) or ZERO) + sum(
        calculate_usage_cost(find_terms(offer, other, context.currency, usage), used)
        for other, used in others.items()
        if other != meter
    )
    return _PlanRate(find_terms(offer, meter, context.currency, usage), base)


def find_expected_use(usage: CurrentUsage | None) -> Mapping[str, Decimal]:
    """What the running period will have used of each meter at its end; without a forecast what it has used."""
    return {each.key: max(each.use.used, each.projected_use) for each in usage.meters} if usage else {}


def list_priced(offers: Sequence[Offer], context: PlanContext) -> list[Offer]:
    """The plans that have a price."""
    return [offer for offer in offers if find_monthly_fee(offer, context) is not None]


def list_meters(offers: Sequence[Offer]) -> list[OfferMeter]:
    """The meters of which usage makes a difference on any of the plans: they are limited or charged for."""
    named = {meter.key: meter for offer in offers for meter in offer.meters.values()}
    charged = {meter for offer in offers for meter, _ in offer.charges}
    refused = {meter.key for offer in offers for meter in offer.meters.values() if _refuses(meter)}
    return [meter for key, meter in named.items() if key in charged | refused]


def list_ranges(offers: Sequence[Offer], meter: str, own: Decimal | None) -> list[Decimal]:
    """The ranges of usage worth looking at, smallest first: about twice each paid plan's allowance, and the own use.

    Worked example: plans with 1,000 (free), 50,000 and 500,000 calls: 100,000 and 1,000,000.
    """
    paid = [offer for offer in offers if not offer.is_default] or offers
    granted = [found.rule for offer in paid if (found := offer.meters.get(meter)) is not None]
    sizes = [size for rule in granted if (size := rule.allowance or rule.hard_limit)]
    ranges = {_round_up(size * 2) for size in sizes}
    if own and not any(own <= top for top in ranges):
        ranges.add(_round_up(own * 2))
    return sorted(ranges) or [Decimal(1000)]


def choose_range(ranges: Sequence[Decimal], own: Decimal | None) -> Decimal:
    """The range to begin with: the last but one, in which plans cross; a larger one where the own use asks for it."""
    usual = ranges[-2] if len(ranges) > 1 else ranges[-1]
    return next((top for top in ranges if top >= usual and top >= (own or ZERO)), ranges[-1])


def build_cost_curve(
    offers: Sequence[Offer],
    context: PlanContext,
    usage: CurrentUsage | None,
    meter: OfferMeter,
    *,
    top: Decimal,
    at: Decimal | None = None,
) -> CostCurve:
    """Price plans over a range of a meter's usage, all other meters as the organisation uses them now.

    `at` is the usage that is looked at: if it is not given the own one, or half of the range.
    """
    plans = [_rate_plan(offer, context, usage, meter.key) for offer in offers]
    own = find_expected_use(usage).get(meter.key)
    steps = int(min(Decimal(STEPS), top))
    here = at if at is not None else own if own is not None else top / 2
    caps = [plan.terms.cap for plan in plans]
    return CostCurve(
        meter=meter,
        offers=offers,
        ends=[_price_all(plans, cap) if cap is not None and cap < top else None for cap in caps],
        points=[_price_all(plans, top * step / steps) for step in range(steps + 1)],
        here=_price_all(plans, here),
        own=own,
        top=top,
    )


def _price_all(plans: Sequence[_PlanRate], used: Decimal) -> CurvePoint:
    return CurvePoint(used, [plan.price(used) for plan in plans])


def _refuses(meter: OfferMeter) -> bool:
    return meter.rule.hard_limit is not None or (meter.rule.policy == "block" and meter.rule.allowance is not None)


def _round_up(value: Decimal) -> Decimal:
    power = Decimal(1).scaleb(value.adjusted())
    return next(power * nice for nice in _NICE if power * nice >= value)
