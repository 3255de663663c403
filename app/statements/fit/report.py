"""Whether an organisation's usage fits a plan: each limit and allowance against use now and the worst past month.

Pure functions; what they compare is read by `load.py`. The change page, the cancellation page and the API's
preview show this report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from app.kit.money import ZERO
from app.kit.periods import Period
from app.statements.current_usage import CurrentUsage
from app.statements.figures import UsageTerms
from app.statements.offers import Offer, OfferMeter
from app.statements.past_usage import PastPeriod
from app.statements.plan_costs import calculate_usage_cost, find_terms

Verdict = Literal["fits", "dearer", "refused", "unknown"]
Span = Literal["period", "day", "hour", "minute"]
WINDOWS: tuple[Span, ...] = ("day", "hour", "minute")


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that was used of a meter in one day, hour or minute, and what the running one has used so far.

    `on` is the day in the organisation's time zone; None: some hour or minute of the last two days.
    """

    most: Decimal
    now: Decimal
    on: date | None = None


@dataclass(frozen=True, slots=True)
class FitLine:
    """A limit or an allowance of the wanted plan, and what was used of it.

    `limit` is what is refused above, `allowance` what is included; None: no such limit. `expected` is the running
    period's forecast. `worst` is the most of the past: of the period `worst_period`, or on `worst_day`. `cost` and
    `own_cost` are what `priced` units in a period cost on the wanted and on the own plan, without fees: of these
    figures the one that makes the greatest difference. None in `now`: not known.
    """

    meter: str
    name: str
    unit: str
    span: Span
    limit: Decimal | None
    allowance: Decimal | None
    now: Decimal | None
    expected: Decimal | None
    worst: Decimal | None
    worst_period: Period | None
    worst_day: date | None
    verdict: Verdict
    cost: int = 0
    own_cost: int = 0
    priced: Decimal = ZERO

    @property
    def extra(self) -> int:
        """What usage would cost more than on the own plan, in minor units."""
        return max(0, self.cost - self.own_cost)

    @property
    def most(self) -> Decimal:
        """The most that is known to be used or expected."""
        return max(self.now or ZERO, self.expected or ZERO, self.worst or ZERO)


@dataclass(frozen=True, slots=True)
class FitReport:
    """The report. `periods` is how many past usage periods it looked at."""

    plan: str
    own_plan: str
    currency: str
    periods: int
    lines: Sequence[FitLine]

    @property
    def misfits(self) -> list[FitLine]:
        """What would be refused or become dearer."""
        return [line for line in self.lines if line.verdict in {"refused", "dearer"}]


def build_fit(
    offer: Offer,
    usage: CurrentUsage,
    past: Sequence[PastPeriod],
    peaks: Mapping[tuple[str, Span], Peak],
    own: Offer | None = None,
) -> FitReport:
    """Compare a plan with the running period, its forecast, and the worst of the past periods, imports included.

    Worked example: 800 calls so far, about 1,200 expected, 2,400 in October, and Free with 1,000 that blocks: refused.
    """
    lines: list[FitLine] = []
    for meter in offer.meters.values():
        lines.append(_compare_period(offer, meter, usage, past, own))
        lines += [line for span in WINDOWS if (line := _compare_window(meter, span, peaks)) is not None]
    return FitReport(offer.name, usage.plan_name, usage.currency, len(past), lines)


def _compare_period(
    offer: Offer, meter: OfferMeter, usage: CurrentUsage, past: Sequence[PastPeriod], own_offer: Offer | None
) -> FitLine:
    figures = next((each for each in usage.meters if each.key == meter.key), None)
    now = figures.use.used if figures else ZERO
    expected = max(now, figures.projected_use) if figures else ZERO
    worst = max(past, key=lambda period: period.used.get(meter.key, ZERO), default=None)
    most = worst.used.get(meter.key, ZERO) if worst else ZERO
    terms = offer.terms(meter.key, usage.currency)
    own = _find_own_terms(own_offer, meter.key, usage)
    cost, own_cost, priced = max(
        ((calculate_usage_cost(terms, used), calculate_usage_cost(own, used), used) for used in (now, expected, most)),
        key=lambda found: (found[0] - found[1], found[2]),
    )
    refused = terms.cap is not None and max(expected, most) > terms.cap
    return FitLine(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        span="period",
        limit=terms.cap,
        allowance=meter.rule.allowance,
        now=now,
        expected=expected if expected > now else None,
        worst=most or None,
        worst_period=worst.period if worst and most else None,
        worst_day=None,
        verdict="refused" if refused else "dearer" if cost > own_cost else "fits",
        cost=cost,
        own_cost=own_cost,
        priced=priced,
    )


def _find_own_terms(own: Offer | None, meter: str, usage: CurrentUsage) -> UsageTerms:
    """The meter's terms on the own plan; of one that is not on offer those in force, if it has the meter."""
    if own is not None:
        return find_terms(own, meter, usage.currency, usage)
    return next((each.terms for each in usage.meters if each.key == meter), UsageTerms())


def _compare_window(meter: OfferMeter, span: Span, peaks: Mapping[tuple[str, Span], Peak]) -> FitLine | None:
    limit: Decimal | None = getattr(meter.rule, f"per_{span}")
    if limit is None:
        return None
    peak = peaks.get((meter.key, span))
    verdict: Verdict = "unknown" if peak is None else "refused" if peak.most > limit else "fits"
    return FitLine(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        span=span,
        limit=limit,
        allowance=None,
        now=peak.now if peak else None,
        expected=None,
        worst=(peak.most or None) if peak else None,
        worst_period=None,
        worst_day=peak.on if peak else None,
        verdict=verdict,
    )
