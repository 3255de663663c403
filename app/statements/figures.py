"""One meter's figures for a period: usage, cost and projection. Pure.

Pages, API, CSV and mail show these figures and compute none of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kit.money import ZERO
from app.kit.periods import Period
from app.rating import Charge, Rated, marginal_price, price
from app.statements.projection import Projection, project
from app.statements.windows import Window

NEAR, HIGH, FULL = 80, 90, 100
"""Percentages of a limit at which a prompt appears."""


@dataclass(frozen=True, slots=True)
class UsageTerms:
    """The terms that apply to a meter in the period. `allowance` None is unlimited; `charge` None bills nothing."""

    policy: str = "warn"
    allowance: Decimal | None = None
    hard_limit: Decimal | None = None
    charge: Charge | None = None

    @property
    def refused_above(self) -> Decimal | None:
        """The quantity above which use is refused; None if it never is."""
        if self.policy == "block" and self.hard_limit is None:
            return self.allowance
        return self.hard_limit

    @property
    def limit(self) -> Decimal | None:
        """What the bar measures against: the cap under `block`, otherwise the allowance.

        With an allowance of zero (billed from the first unit) there is no bar to fill.
        """
        if self.policy == "block" or self.allowance is None:
            return self.refused_above
        return self.allowance or self.hard_limit


@dataclass(frozen=True, slots=True)
class MeterUse:
    """A counter's values. `unbilled` is the part of `used` that is never billed."""

    used: Decimal = ZERO
    reserved: Decimal = ZERO
    unbilled: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Pace:
    """The time span for projections. `since` is when use could start: an org may be younger than its period."""

    period: Period
    since: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class MeterFigures:
    """Everything shown about a meter. Money is in minor units: `cost` rounded as on an invoice, `exact_cost` unrounded.

    `percent` is rounded down, so 100 means the limit is reached; it can exceed 100. `state` is ok, near (80 %), high
    (90 %), full (100 %), over or unlimited. `reaches_limit_at` is None if the limit is already reached, or won't be
    before the period ends. `next_unit` is the price of one more unit now, `overage_unit` of one above the allowance.
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
    overage_unit: Decimal
    projected_use: Decimal
    projected_cost: int
    reaches_limit_at: datetime | None
    windows: tuple[Window, ...] = ()

    @property
    def shut(self) -> Window | None:
        """The full window that resets last; None if no window is full, or if the period's own cap is reached.

        A `max` meter is never blocked by a window: only a greater value would be refused.
        """
        cap = self.terms.refused_above
        if self.aggregation == "max" or (cap is not None and self.use.used >= cap):
            return None
        return max(
            (window for window in self.windows if window.full), key=lambda window: window.resets_at, default=None
        )

    @property
    def remaining(self) -> Decimal | None:
        """What is left below the limit after reservations; None without a limit."""
        return None if self.limit is None else max(ZERO, self.limit - self.use.used - self.use.reserved)


def compute_figures(key: str, name: str, unit: str, aggregation: str, *, terms: UsageTerms, use: MeterUse, pace: Pace,
            windows: tuple[Window, ...] = ()) -> MeterFigures:  # fmt: skip
    """Compute a meter's figures."""
    limit = terms.limit
    rated = _rated(terms, use.used - use.unbilled)
    ahead = _ahead(aggregation, terms, use, pace)
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
        overage_unit=_overage_unit(terms, use),
        projected_use=ahead.used,
        projected_cost=_projected_cost(terms, use, ahead.used),
        reaches_limit_at=ahead.reaches_at,
        windows=windows,
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


def _rated(terms: UsageTerms, billable: Decimal) -> Rated | None:
    """Price the usage; None under `warn` (rule 2.3) or without a charge."""
    if terms.charge is None or terms.policy == "warn":
        return None
    return price(terms.charge, billable, terms.allowance)


def _next_unit(terms: UsageTerms, use: MeterUse) -> Decimal:
    cap = terms.refused_above
    refused = cap is not None and use.used + use.reserved >= cap
    if refused or terms.charge is None or terms.policy == "warn":
        return ZERO
    return marginal_price(terms.charge, use.used - use.unbilled, terms.allowance)


def _overage_unit(terms: UsageTerms, use: MeterUse) -> Decimal:
    if terms.charge is None or terms.policy == "warn" or terms.allowance is None:
        return ZERO
    return marginal_price(terms.charge, max(use.used - use.unbilled, terms.allowance), terms.allowance)


def _ahead(aggregation: str, terms: UsageTerms, use: MeterUse, pace: Pace) -> Projection:
    still = Projection(use.used, None)
    if aggregation == "max":  # a maximum has no pace
        return still
    since = max(pace.since, pace.period.start)
    return project(use.used, terms.limit, since=since, end=pace.period.end, now=pace.now) or still


def _projected_cost(terms: UsageTerms, use: MeterUse, at_end: Decimal) -> int:
    """The cost of projected usage; what a cap would refuse is not billed."""
    cap = terms.refused_above
    capped = at_end if cap is None else max(use.used, min(at_end, cap))
    rated = _rated(terms, capped - use.unbilled)
    return rated.rounded if rated else 0
