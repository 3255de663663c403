"""Reads a report's filter from a URL and writes it into one: months, plan, currency, organisation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.analytics.months import MonthRange, add_months, month_at
from app.analytics.report import MOST_MONTHS, ReportFilter
from app.kit.ids import parse_id
from app.web.addresses import path_to

PRESETS = {3: "3 months", 6: "6 months", 12: "12 months", 24: "24 months"}
USUAL = 12
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_PLAN = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


def parse_report_filter(args: Mapping[str, str], now: datetime) -> ReportFilter:
    """Read the filter; what is missing or wrong falls back to the last 12 months, and to everything."""
    currency, plan = args.get("currency", ""), args.get("plan", "")
    return ReportFilter(
        span=make_span(parse_month(args.get("from")), parse_month(args.get("to")), now),
        plan=plan if _PLAN.match(plan) else None,
        currency=currency if _CURRENCY.match(currency) else None,
        org_id=parse_id(args.get("org", "")),
    )


def make_span(first: date | None, last: date | None, now: datetime) -> MonthRange:
    """Months that are not ahead, at most 36; by default the last 12, the running one included."""
    running = month_at(now)
    last = min(last or running, running)
    first = min(first or add_months(last, 1 - USUAL), last)
    return MonthRange(max(first, add_months(last, 1 - MOST_MONTHS)), last)


def parse_month(text: str | None) -> date | None:
    """A month such as 2026-11, as its first day."""
    found = _MONTH.match(text or "")
    return date(int(found[1]), int(found[2]), 1) if found else None


def report_path(endpoint: str, asked: ReportFilter, **changed: Any) -> str:
    """The address of a page with the same filter; `changed` replaces parts of it, None leaves one out."""
    query = {
        "from": format_month(asked.span.first),
        "to": format_month(asked.span.last),
        "plan": asked.plan,
        "currency": asked.currency,
        "org": asked.org_id,
    } | changed
    return path_to(endpoint, **{name: value for name, value in query.items() if value is not None})


def format_month(month: date) -> str:
    """2026-11."""
    return f"{month:%Y-%m}"
