"""Builds what the staff overview shows of money: MRR now and what moved this month. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.admin.analytics.definitions import LABELS
from app.admin.analytics.view import build_waterfall
from app.admin.analytics.wording import format_change
from app.analytics.book import RevenueBook
from app.analytics.movements import KINDS
from app.statements.wording import format_amount
from app.web import charts
from app.web.filters import quantity


@dataclass(frozen=True)
class MoneyNow:
    """One currency. `at_risk` is the MRR of organisations that are past due; `table` are the chart's numbers."""

    currency: str
    mrr: str
    change: str
    committed: str
    payers: str
    at_risk: str
    chart: charts.Chart
    table: Sequence[tuple[str, str]]
    description: str


def build_money_now(book: RevenueBook) -> MoneyNow:
    """Build the card of a currency."""
    [month], code = book.months, book.currency
    start, end = format_amount(month.start, code), format_amount(month.end, code)
    return MoneyNow(
        currency=code,
        mrr=end,
        change=f"{format_change(month.end - month.start, code)} this month"
        if month.end != month.start
        else "unchanged this month",
        committed=format_amount(book.committed, code),
        payers=quantity(month.payers_after),
        at_risk=format_amount(book.past_due, code),
        chart=build_waterfall(month.start, month.sums, month.end, code),
        table=[
            ("Start", start),
            *((LABELS[kind], format_change(month.sums[kind], code)) for kind in KINDS),
            ("End", end),
        ],
        description=f"MRR in {code} this month: {start} at the start, {end} now.",
    )
