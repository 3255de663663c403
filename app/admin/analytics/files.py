"""The revenue report as a file: a line for each month and currency. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from app.admin.analytics.requests import format_month
from app.analytics.movements import KINDS
from app.analytics.report import RevenueReport
from app.kit.money import round_fraction
from app.web.csv_export import Cell, Money

_PLACES = 6
HEAD = (
    "month", "currency", "mrr_start", *(f"mrr_{kind}" for kind in KINDS), "mrr_end", "orgs_start",
    *(f"orgs_{kind}" for kind in KINDS), "orgs_end", "arpa", "logo_churn", "revenue_churn", "nrr", "grr", "quick_ratio",
    "ltv", "trials_ended", "trials_paid", "revenue_fees", "revenue_overage", "revenue_other", "revenue",
)  # fmt: skip


def iterate_revenue(report: RevenueReport) -> Iterator[Sequence[Cell]]:
    """Lines in the order of the months, currency by currency."""
    for each in report.currencies:
        code = each.currency
        for (month, moved), trials in zip(each.months, each.book.trials[-len(each.months) :], strict=True):
            ratios = each.ratios_of(month)
            yield (
                format_month(month), code, Money(moved.start, code),
                *(Money(moved.sums[kind], code) for kind in KINDS), Money(moved.end, code),
                moved.payers_before, *(moved.counts[kind] for kind in KINDS), moved.payers_after,
                _money(ratios.arpa, code), exact(ratios.logo_churn), exact(ratios.revenue_churn), exact(ratios.nrr),
                exact(ratios.grr), exact(ratios.quick_ratio), _money(ratios.ltv, code), *trials,
                *(Money(part, code) for part in (*each.takings.months[month], sum(each.takings.months[month]))),
            )  # fmt: skip


def exact(rate: Fraction | None) -> Decimal | None:
    """A rate to six places."""
    return None if rate is None else Decimal(round_fraction(rate * 10**_PLACES)).scaleb(-_PLACES)


def _money(amount: Fraction | None, currency: str) -> Money | None:
    return None if amount is None else Money(round_fraction(amount), currency)
