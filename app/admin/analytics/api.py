"""Staff API of the revenue report: the same computation as the page and its file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from app.admin.analytics.files import exact
from app.admin.analytics.requests import format_month, make_span, parse_month
from app.admin.analytics.schemas import (
    REPORT,
    CurrencyReportOut,
    FailedPayment,
    MovementsOut,
    PlanMrr,
    PlanRevenue,
    RatiosOut,
    ReportMonth,
    ReportsAnswer,
    ReportsQuery,
    RevenueOut,
)
from app.admin.owing import OwingOrgs, list_owing
from app.admin.plan_moves.api import api
from app.analytics.months import add_months, month_at
from app.analytics.ratios import RevenueRatios
from app.analytics.report import MOST_MONTHS, CurrencyReport, ReportFilter, get_report
from app.kit.errors import FieldError, InvalidRequest
from app.kit.ids import parse_id
from app.kit.money import round_fraction
from app.web.database import session
from app.web.runtime import business_now

__all__ = ["api"]  # `usage.api` imports the blueprint from here, once these calls are registered

_MOST_OWING = 10_000


@api.operation(
    "GET", "/admin/billing/reports", query=ReportsQuery, response=ReportsAnswer, answer=REPORT,
    summary="MRR with its movements, ratios, and revenue by plan",
    description="Currencies apart, never added. The same figures as the staff page and its CSV. Without `from` and"
    " `to`, the last 12 months; the running month counts up to now.",
)  # fmt: skip
def billing_reports(query: ReportsQuery) -> ReportsAnswer:
    """The report of some months."""
    now, asked = business_now(), _read(query)
    report = get_report(session(), asked, now)
    return ReportsAnswer(
        start=format_month(asked.span.first),
        end=format_month(asked.span.last),
        as_of=report.as_of,
        free_to_paid=exact(report.free_to_paid(asked.span)),
        currencies=[_report(each) for each in report.currencies],
        past_due=_sum_owing(list_owing(session(), now, _MOST_OWING)),
    )


def _read(query: ReportsQuery) -> ReportFilter:
    """Months that are ahead or more than 36 are refused here, not cut as on the page."""
    running = month_at(business_now())
    first, last = parse_month(query.start), parse_month(query.end) or running
    org_id = parse_id(query.org) if query.org else None
    errors = []
    if last > running:
        errors.append(FieldError("to", "must not be a month ahead"))
    if first is not None and not add_months(last, 1 - MOST_MONTHS) <= first <= last:
        errors.append(FieldError("from", f"must be at most {MOST_MONTHS} months before `to`, and not after it"))
    if query.org and org_id is None:
        errors.append(FieldError("org", "must be the id of an organisation"))
    if errors:
        raise InvalidRequest("The report cannot be made.", errors)
    return ReportFilter(make_span(first, last, business_now()), query.plan, query.currency, org_id)


def _report(each: CurrencyReport) -> CurrencyReportOut:
    takings = each.takings
    return CurrencyReportOut(
        currency=each.currency,
        mrr=each.end,
        committed_mrr=each.book.committed,
        movements=MovementsOut(**each.sums),
        ratios=_ratios(each.ratios, each.trials(each.span)),
        before=_ratios(each.ratios_before, each.trials(each.span.before)),
        revenue=_sum_taken(takings.months.values()),
        months=[
            ReportMonth(
                month=format_month(month),
                mrr_start=moved.start,
                movements=MovementsOut(**moved.sums),
                mrr_end=moved.end,
                orgs_start=moved.payers_before,
                orgs_end=moved.payers_after,
                revenue=_sum_taken([takings.months[month]]),
            )
            for month, moved in each.months
        ],
        mrr_by_plan=[PlanMrr(key, amount, orgs) for key, _, amount, orgs in each.book.by_plan],
        revenue_by_plan=[PlanRevenue(row.key or None, row.fees, row.overage) for row in takings.plans],
    )


def _sum_taken(months: Iterable[tuple[int, int, int]]) -> RevenueOut:
    fees, overage, other = (sum(parts) for parts in zip(*months, strict=True))
    return RevenueOut(fees, overage, other, fees + overage + other)


def _ratios(found: RevenueRatios, trials: Fraction | None) -> RatiosOut:
    return RatiosOut(
        arpa=None if found.arpa is None else round_fraction(found.arpa),
        ltv=None if found.ltv is None else round_fraction(found.ltv),
        logo_churn=exact(found.logo_churn),
        revenue_churn=exact(found.revenue_churn),
        nrr=exact(found.nrr),
        grr=exact(found.grr),
        quick_ratio=exact(found.quick_ratio),
        trial_conversion=exact(trials),
    )


def _sum_owing(owing: OwingOrgs) -> list[FailedPayment]:
    sums: defaultdict[str, list[int]] = defaultdict(list)
    for row in owing.rows:
        if row.amount is not None and row.currency is not None:
            sums[row.currency].append(row.amount)
    return [FailedPayment(code, sum(amounts), len(amounts)) for code, amounts in sorted(sums.items())]
