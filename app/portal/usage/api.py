"""The read calls of usage, and the calculator."""

from __future__ import annotations

from uuid import UUID

from app.accounts.guards import caller
from app.kit.errors import NotFound
from app.metering import queries as metering
from app.portal.usage import examples
from app.portal.usage.schemas import (
    CurrentAnswer,
    SummaryAnswer,
    UsageHistoryAnswer,
    UsageHistoryQuery,
    current_answer,
    latest_events,
)
from app.rating.schemas import QuoteAnswer, QuoteRequest, quote
from app.statements.current_usage import current_usage
from app.statements.history import history, totals
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("portal", __name__)


@api.operation(
    "GET", "/usage/current", response=CurrentAnswer, summary="This period: use, limits, cost, forecast",
    answer=examples.CURRENT,
    description="What the dashboard shows, out of the same figures. Costs are estimates until the period is closed; "
    "what is projected keeps the pace since the period began.",
)  # fmt: skip
def usage_current() -> CurrentAnswer:
    """The open period."""
    return current_answer(current_usage(session(), _org(), business_now()))


@api.operation(
    "GET", "/usage/summary", response=SummaryAnswer, answer=examples.SUMMARY,
    summary="This month, all time, and a year's trend",
    description="Totals by calendar month of the organisation's zone, since the beginning, the ten latest events, and "
    "twelve months, oldest first.",
)  # fmt: skip
def usage_summary() -> SummaryAnswer:
    """The running month, lifetime totals, the ten latest events, twelve months."""
    org, now = _org(), business_now()
    found = history(session(), org, now, caller().time_zone, 12)
    running = found.months[-1]
    ever = metering.list_lifetime_usage(session(), org)
    return SummaryAnswer(
        month=running.month,
        meters=running.meters,
        lifetime=totals(ever, found.meters),
        latest_events=latest_events(metering.list_latest_events(session(), org, 10)),
        trend=found.months,
        as_of=now,
    )


@api.operation(
    "GET", "/usage/history", query=UsageHistoryQuery, response=UsageHistoryAnswer,
    summary="Month by month: totals, cost, plan",
    answer=examples.HISTORY,
    description="Newest first, this month included. `usage_cost` is that of the usage periods that began in the month, "
    "an estimate while one of them is open.",
)  # fmt: skip
def usage_history(query: UsageHistoryQuery) -> UsageHistoryAnswer:
    """The last months, newest first."""
    now = business_now()
    found = history(session(), _org(), now, caller().time_zone, query.months)
    return UsageHistoryAnswer(months=found.months[::-1], as_of=now)


@api.operation(
    "POST", "/quotes", request=QuoteRequest, response=QuoteAnswer, example=examples.QUOTE,
    answer=examples.QUOTED,
    summary="Price a quantity under a charge",
    description="The calculator: any charge, whether or not a plan has it. The allowance is taken off first.",
)  # fmt: skip
def make_quote(asked: QuoteRequest) -> QuoteAnswer:
    """Amount and breakdown; asks the database nothing."""
    return quote(asked)


def _org() -> UUID:
    """The key's org; a staff key names one in a header."""
    org = caller().org_id
    if org is None:
        raise NotFound("The key belongs to no organisation.")
    return org
