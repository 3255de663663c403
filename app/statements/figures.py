"""One meter's figures for a period: usage, cost and projection. Pure.

Pages, API, CSV and mail show these figures and compute none of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from app.forecast import Forecast
from app.kit.money import ZERO
from app.rating import Charge, Rated, UnitPrice, marginal_price, overage_price, price
from app.rating.bounds import WHOLE
from app.statements.ahead import MeterDays, Pace, look_ahead
from app.statements.windows import Window, find_fullest
from app.subscriptions.terms.resolver import PLAN, MeterTerms

NEAR, HIGH, FULL = 80, 90, 100
"""Percentages of a limit at which a prompt appears."""


@dataclass(frozen=True, slots=True)
class UsageTerms:
    """A meter's terms in force (`subscriptions.terms.resolver`), with its charge.

    Usage above `cap` is refused; `charge` is what usage above the allowance costs. None: never, nothing.
    `minimum_portion` is how much of a charge's minimum the period owes.
    """

    policy: str = "warn"
    allowance: Decimal | None = None
    cap: Decimal | None = None
    charge: Charge | None = None
    cap_source: str = PLAN
    minimum_portion: Fraction = WHOLE

    @property
    def limit(self) -> Decimal | None:
        """What the bar measures against: the cap where it comes first, otherwise the allowance.

        With an allowance of zero (billed from the first unit) there is no allowance to fill.
        """
        if self.policy == "block" or self.allowance is None or (self.cap is not None and self.cap <= self.allowance):
            return self.cap
        return self.allowance or self.cap

    @property
    def refuses(self) -> bool:
        """Whether usage above `limit` is refused, rather than billed or only counted."""
        return self.cap is not None and self.limit == self.cap


def build_usage_terms(terms: MeterTerms, charge: Charge | None) -> UsageTerms:
    """Build the terms of a meter from those in force and the charge that they name."""
    return UsageTerms(terms.policy, terms.allowance, terms.cap, charge, terms.cap_source)


@dataclass(frozen=True, slots=True)
class MeterUse:
    """A counter's values. `imported` is what imports brought besides `used`: it takes no room and costs nothing."""

    used: Decimal = ZERO
    reserved: Decimal = ZERO
    imported: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class MeterFigures:
    """Everything shown about a meter. Money is in minor units: `cost` rounded as on an invoice, `exact_cost` unrounded.

    `percent` is rounded down, so 100 means the limit is reached; it can exceed 100. `state` is ok, near (80 %), high
    (90 %), full (100 %), over or unlimited. `next_unit` is the price of one more unit now, `overage` of units above the
    allowance. `ahead` is None while there is too little to go by; `days` is the use of single days, up to today.
    """

    key: str
    name: str
    unit: str
    aggregation: str
    terms: UsageTerms
    use: MeterUse
    limit: Decimal | None
    percent: int | None
    state: str
    cost: int
    exact_cost: Decimal
    next_unit: Decimal
    overage: UnitPrice | None
    ahead: Forecast | None
    projected_cost: int
    windows: tuple[Window, ...] = ()
    days: MeterDays = field(default_factory=MeterDays)

    @property
    def projected_use(self) -> Decimal:
        """What is expected to be used at the period's end; what is used now where there is no forecast."""
        return self.ahead.end.total if self.ahead else self.use.used

    @property
    def reaches_limit_at(self) -> datetime | None:
        """When the limit is expected to be reached; None if it is already, or won't be before the period ends."""
        return self.ahead.reaches_at if self.ahead else None

    @property
    def is_refused(self) -> bool:
        """Whether the period's own limit refuses further use."""
        return self.terms.cap is not None and self.use.used >= self.terms.cap

    @property
    def fullest(self) -> Window | None:
        """The fullest window; of a `max` meter none, for only a greater value would be refused."""
        return None if self.aggregation == "max" else find_fullest(self.windows)

    @property
    def shut(self) -> Window | None:
        """The full window that resets last; None if no window is full, or if the period's own cap is reached.

        A `max` meter is never blocked by a window.
        """
        if self.aggregation == "max" or self.is_refused:
            return None
        return max(
            (window for window in self.windows if window.full), key=lambda window: window.resets_at, default=None
        )

    @property
    def tight(self) -> Window | None:
        """The fullest window at 80 % or more that is fuller than the period's limit; None while a window is full."""
        fullest = self.fullest
        if self.shut is not None or fullest is None or fullest.percent < NEAR or fullest.percent <= (self.percent or 0):
            return None
        return fullest

    @property
    def pressure(self) -> str:
        """The state of the fullest limit, be it the period's or a window's: what the bar's colour shows."""
        if self.shut is not None:
            return "full"
        return classify_use(self.tight.used, self.tight.limit) if self.tight else self.state

    @property
    def remaining(self) -> Decimal | None:
        """What is left below the limit after reservations; None without a limit."""
        return None if self.limit is None else max(ZERO, self.limit - self.use.used - self.use.reserved)


def compute_figures(key: str, name: str, unit: str, aggregation: str, *, terms: UsageTerms, use: MeterUse, pace: Pace,
            windows: tuple[Window, ...] = (), days: MeterDays | None = None) -> MeterFigures:  # fmt: skip
    """Compute a meter's figures. `days` is the use of single days of the organisation, today's included."""
    limit = terms.limit
    rated = rate_usage(terms, use)
    ahead = look_ahead(aggregation, use.used, limit, days or MeterDays(), pace)
    return MeterFigures(
        key=key,
        name=name,
        unit=unit,
        aggregation=aggregation,
        terms=terms,
        use=use,
        limit=limit,
        percent=_percent(use.used, limit),
        state=classify_use(use.used, limit),
        cost=rated.rounded if rated else 0,
        exact_cost=rated.amount if rated else ZERO,
        next_unit=_next_unit(terms, use),
        overage=_overage(terms),
        ahead=ahead,
        projected_cost=_projected_cost(terms, use, ahead.end.total if ahead else use.used),
        windows=windows,
        days=days or MeterDays(),
    )


def classify_use(used: Decimal, limit: Decimal | None) -> str:
    """Classify usage against a limit. Compared exactly, so 79.99 % is not yet "near"."""
    if limit is None:
        return "unlimited"
    if limit == 0:
        return "over" if used else "ok"
    if used > limit:
        return "over"
    share = used * 100
    for least, word in ((FULL, "full"), (HIGH, "high"), (NEAR, "near")):
        if share >= least * limit:
            return word
    return "ok"


def _percent(used: Decimal, limit: Decimal | None) -> int | None:
    if limit is None:
        return None
    if limit == 0:
        return 100 if used else 0
    return int(used * 100 // limit)


def rate_usage(terms: UsageTerms, use: MeterUse) -> Rated | None:
    """Rate a period's usage, less the allowance, by the charge in force; None if nothing is owed."""
    return rate_quantity(terms.charge, use.used, terms.allowance, terms.minimum_portion)


def rate_quantity(
    charge: Charge | None, used: Decimal, allowance: Decimal | None, minimum_portion: Fraction
) -> Rated | None:
    """Price a period's usage: what pages, API, close and proof all come to. None: nothing is charged.

    `minimum_portion` is the part of a month that a minimum is owed for.
    """
    return None if charge is None else price(charge, used, allowance, minimum_portion=minimum_portion)


def _next_unit(terms: UsageTerms, use: MeterUse) -> Decimal:
    refused = terms.cap is not None and use.used + use.reserved >= terms.cap
    if refused or terms.charge is None:
        return ZERO
    return marginal_price(terms.charge, use.used, terms.allowance)


def _overage(terms: UsageTerms) -> UnitPrice | None:
    return None if terms.charge is None or terms.allowance is None else overage_price(terms.charge)


def _projected_cost(terms: UsageTerms, use: MeterUse, at_end: Decimal) -> int:
    """The cost of projected usage; what a cap would refuse is not billed."""
    cap = terms.cap
    capped = at_end if cap is None else max(use.used, min(at_end, cap))
    rated = rate_usage(terms, replace(use, used=capped))
    return rated.rounded if rated else 0
