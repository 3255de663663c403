"""The line across the usage page's columns: the limit of what a column shows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.kit.periods import month_of
from app.portal.usage.columns import find_limit
from app.portal.usage.reads import MeterRef
from app.portal.usage.requests import Range, UsageQuery
from tests.factories import utc

MONTH = month_of(utc("2026-11-21"), "UTC")


@pytest.mark.parametrize(
    ("span", "limits", "line"),
    [
        ("day", {"per_day": 500}, (500, "Limit 500 a day")),
        ("day", {"cap": 1000}, None),
        ("hour", {"per_hour": 50}, (50, "Limit 50 an hour")),
        ("month", {"cap": 1000, "allowance": 1000}, (1000, "Limit 1,000 a month")),
        ("month", {"allowance": 1000}, (1000, "1,000 a month included")),
        ("month", {"allowance": 0}, None),
        ("month", {"cap": 0, "allowance": 0}, (0, "Limit 0 a month")),
        ("day", {"per_day": 0}, (0, "Limit 0 a day")),
    ],
)
def test_the_line_is_the_limit_of_the_shown_span(span: str, limits: dict[str, int], line: Any) -> None:
    query = UsageQuery(Range(date(2026, 11, 1), date(2026, 11, 30)), "", "calls", "kind", span)
    meter = MeterRef(1, "calls", "Calls", "call", "sum", **{name: Decimal(value) for name, value in limits.items()})
    assert find_limit(query, meter, MONTH, "UTC") == line


def test_a_distinct_count_has_no_line() -> None:
    query = UsageQuery(Range(date(2026, 11, 1), date(2026, 11, 30)), "", "users", "kind", "day")
    assert find_limit(query, MeterRef(1, "users", "Users", "user", "unique", per_day=Decimal(5)), MONTH, "UTC") is None
