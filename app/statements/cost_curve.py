"""What each plan costs a month by usage of one meter: points that a chart draws and a slider reads. Pure functions.

Every point is rated as an invoice is; nobody else computes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO, round_half_away
from app.statements.current_usage import CurrentUsage
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


@dataclass(frozen=True, slots=True)
class _Rates:
    """What the cost of a plan at any usage follows from."""

    offers: Sequence[Offer]
    context: PlanContext
    usage: CurrentUsage | None
    meter: str

    def point(self, used: Decimal) -> CurvePoint:
        return CurvePoint(used, [self._price(offer, used) for offer in self.offers])

    def cap(self, offer: Offer) -> Decimal | None:
        return find_terms(offer, self.meter, self.context.currency, self.usage).cap

    def _price(self, offer: Offer, used: Decimal) -> int | None:
        cap, fee = self.cap(offer), find_monthly_fee(offer, self.context)
        if fee is None or (cap is not None and used > cap):
            return None
        others = {**dict.fromkeys(offer.meters, ZERO), **find_expected_use(self.usage)}
        return round_half_away(fee) + sum(
            calculate_usage_cost(find_terms(offer, meter, self.context.currency, self.usage), quantity)
            for meter, quantity in {**others, self.meter: used}.items()
        )


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
    rates = _Rates(offers, context, usage, meter.key)
    own = find_expected_use(usage).get(meter.key)
    steps = int(min(Decimal(STEPS), top))
    here = at if at is not None else own if own is not None else top / 2
    caps = [rates.cap(offer) for offer in offers]
    return CostCurve(
        meter=meter,
        offers=offers,
        ends=[rates.point(cap) if cap is not None and cap < top else None for cap in caps],
        points=[rates.point(top * step / steps) for step in range(steps + 1)],
        here=rates.point(here),
        own=own,
        top=top,
    )


def _refuses(meter: OfferMeter) -> bool:
    return meter.rule.hard_limit is not None or (meter.rule.policy == "block" and meter.rule.allowance is not None)


def _round_up(value: Decimal) -> Decimal:
    power = Decimal(1).scaleb(value.adjusted())
    return next(power * nice for nice in _NICE if power * nice >= value)
