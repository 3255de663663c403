"""API: reading usage, and the price calculator."""

from __future__ import annotations

from uuid import UUID

from app.accounts.guards import caller
from app.kit.errors import NotFound
from app.metering import queries as metering
from app.metering.rollups.months import find_subject
from app.portal.usage import examples
from app.portal.usage.schemas import (
    CurrentAnswer,
    SummaryAnswer,
    UsageHistoryAnswer,
    UsageHistoryQuery,
    UsageSummaryQuery,
    build_current_answer,
    build_latest_events,
)
from app.rating.schemas import QuoteAnswer, QuoteRequest, quote
from app.statements.current_usage import get_current_usage
from app.statements.history import build_totals, get_history
from app.statements.monthly import build_lifetime, get_months
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("portal", __name__)


@api.operation(
    "GET", "/usage/current", response=CurrentAnswer, summary="Current period: usage, limits, cost and forecast",
    answer=examples.CURRENT,
    description="The same figures as on the dashboard. Costs are estimates until the period is closed; projections "
    "follow past days and know no caps, but what a cap would refuse costs nothing.",
)  # fmt: skip
def usage_current() -> CurrentAnswer:
    """The open period."""
    return build_current_answer(get_current_usage(session(), _org(), business_now()))


@api.operation(
    "GET", "/usage/summary", query=UsageSummaryQuery, response=SummaryAnswer, answer=examples.SUMMARY,
    summary="This month, all time, and the last twelve months, of all or of one user",
    description="Totals for the current calendar month in the organisation's time zone, lifetime totals, the ten "
    "latest events, and the last twelve months, oldest first: what was used, billed and free, original work, retries "
    "and reruns, by kind, provider and format, its cost, and the plan. With `user` all of it is that user's, but for "
    "the plan: the cost is a share of the organisation's by what was billed in the month, an estimate; months' numbers "
    "of distinct values do not add up, so `lifetime` has none. `not_found`: nothing was ever recorded for this user.",
    errors=("not_found",),
)  # fmt: skip
def usage_summary(query: UsageSummaryQuery) -> SummaryAnswer:
    """The current month, lifetime totals, the ten latest events, twelve months."""
    org, now = _org(), business_now()
    subject = find_subject(session(), org, query.user) if query.user else None
    if query.user and subject is None:
        raise NotFound("Nothing was recorded for this user.")
    past = get_months(session(), org, subject, now, caller().time_zone)
    running = past.months[-1]
    if subject is None:
        lifetime = build_totals(metering.list_lifetime_usage(session(), org), past.meters)
    else:
        lifetime = build_lifetime(past.totals, past.meters)
    return SummaryAnswer(
        month=running.month,
        user=query.user,
        meters=running.meters,
        lifetime=lifetime,
        latest_events=build_latest_events(metering.list_latest_events(session(), org, 10, subject_id=subject)),
        trend=past.months,
        as_of=now,
    )


@api.operation(
    "GET", "/usage/history", query=UsageHistoryQuery, response=UsageHistoryAnswer,
    summary="Totals, cost and plan by month",
    answer=examples.HISTORY,
    description="Newest first, including this month. `usage_cost` covers the usage periods that began in the month; it "
    "is an estimate while one of them is open.",
)  # fmt: skip
def usage_history(query: UsageHistoryQuery) -> UsageHistoryAnswer:
    """The last months, newest first."""
    now = business_now()
    past = get_history(session(), _org(), now, caller().time_zone, query.months)
    return UsageHistoryAnswer(months=past.months[::-1], as_of=now)


@api.operation(
    "POST", "/quotes", request=QuoteRequest, response=QuoteAnswer, example=examples.QUOTE,
    answer=examples.QUOTED,
    summary="Price a quantity under a charge",
    description="A calculator for any charge, whether or not a plan uses it. The allowance is deducted first.",
)  # fmt: skip
def make_quote(request: QuoteRequest) -> QuoteAnswer:
    """Amount and breakdown; no database access."""
    return quote(request)


def _org() -> UUID:
    """The key's organisation; a staff key names one in a header."""
    org = caller().org_id
    if org is None:
        raise NotFound("This key does not belong to an organisation.")
    return org
