"""Requests and responses of the revenue report. Amounts are minor units of `currency`; rates are fractions of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from app.kit.fields import CurrencyCode, Instant, ShortText, matching

Month = Annotated[str, matching(r"^20[0-9]{2}-(0[1-9]|1[0-2])\Z", "a month such as 2026-11")]


class ReportsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Calendar months in UTC, inclusive, at most 36; by default the last 12. `plan` is a plan's key, `org` an id."""

    start: Month | None = msgspec.field(default=None, name="from")
    end: Month | None = msgspec.field(default=None, name="to")
    plan: ShortText | None = None
    currency: CurrencyCode | None = None
    org: ShortText | None = None


class MovementsOut(msgspec.Struct):
    """MRR that moved, each organisation net of the month: gains above zero, losses below."""

    new: int
    expansion: int
    reactivation: int
    contraction: int
    churn: int


class RevenueOut(msgspec.Struct):
    """What was paid, less what was given back, without tax: fees, overage, and credit that staff gave by hand."""

    fees: int
    overage: int
    other: int
    total: int


class RatiosOut(msgspec.Struct):
    """Null where there is nothing to divide by. `arpa` and `ltv` are minor units, rounded."""

    arpa: int | None
    ltv: int | None
    logo_churn: Decimal | None
    revenue_churn: Decimal | None
    nrr: Decimal | None
    grr: Decimal | None
    quick_ratio: Decimal | None
    trial_conversion: Decimal | None


class ReportMonth(msgspec.Struct):
    """A month: MRR when it begins and ends, and organisations that have some then."""

    month: str
    mrr_start: int
    movements: MovementsOut
    mrr_end: int
    orgs_start: int
    orgs_end: int
    revenue: RevenueOut


class PlanMrr(msgspec.Struct):
    """A plan's MRR at the end of the last month."""

    plan: str
    mrr: int
    orgs: int


class PlanRevenue(msgspec.Struct):
    """A plan's revenue over the months; `plan` is null for lines of no known plan."""

    plan: str | None
    fees: int
    overage: int


class CurrencyReportOut(msgspec.Struct):
    """One currency. `mrr` is that of the end of the last month, `before` the ratios of as many months before."""

    currency: str
    mrr: int
    committed_mrr: int
    movements: MovementsOut
    ratios: RatiosOut
    before: RatiosOut
    revenue: RevenueOut
    months: list[ReportMonth]
    mrr_by_plan: list[PlanMrr]
    revenue_by_plan: list[PlanRevenue]


class FailedPayment(msgspec.Struct):
    """What organisations that are past due owe, in one currency."""

    currency: str
    amount: int
    orgs: int


class ReportsAnswer(msgspec.Struct):
    """Currencies apart. `free_to_paid` is of all plans and currencies."""

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    as_of: Instant
    free_to_paid: Decimal | None
    currencies: list[CurrencyReportOut]
    past_due: list[FailedPayment]


_MOVED = {"new": 4900, "expansion": 0, "reactivation": 0, "contraction": 0, "churn": 0}
_TAKEN = {"fees": 4900, "overage": 120, "other": 0, "total": 5020}
_RATIOS = {"arpa": 4900, "ltv": None, "logo_churn": "0", "revenue_churn": "0", "nrr": "1", "grr": "1",
           "quick_ratio": None, "trial_conversion": None}  # fmt: skip
REPORT = {
    "from": "2026-11",
    "to": "2026-11",
    "as_of": "2026-11-30T23:59:59.999999Z",
    "free_to_paid": "0.25",
    "currencies": [
        {
            "currency": "USD",
            "mrr": 9800,
            "committed_mrr": 9800,
            "movements": _MOVED,
            "ratios": _RATIOS,
            "before": _RATIOS,
            "revenue": _TAKEN,
            "months": [
                {
                    "month": "2026-11",
                    "mrr_start": 4900,
                    "movements": _MOVED,
                    "mrr_end": 9800,
                    "orgs_start": 1,
                    "orgs_end": 2,
                    "revenue": _TAKEN,
                }
            ],
            "mrr_by_plan": [{"plan": "pro", "mrr": 9800, "orgs": 2}],
            "revenue_by_plan": [{"plan": "pro", "fees": 4900, "overage": 120}],
        }
    ],
    "past_due": [{"currency": "USD", "amount": 4900, "orgs": 1}],
}
