"""The forecast against two real weeks: each client of an LLM service, its second week forecast on every day of it.

The data is Alibaba's ServeGen (Apache-2.0), windows of ten minutes by client, which is not part of the project. What
`docs/forecast.md` states is what this prints: `python -m tests.forecast.test_real_weeks`.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import pytest

from app.forecast import LEAST_DAYS, DailyUsage
from app.forecast.back_test import forecast_days
from app.settings import PROJECT

TRACE = PROJECT.parent / "shared" / "data" / "llm_requests_by_client.csv.gz"
DOCS = PROJECT / "docs" / "forecast.md"
MODELS = ("m-large", "m-mid", "m-small")
"""Those with two weeks; the others have one day."""
WEEK, DAY_SECONDS = 7, 86_400
LEAST_REQUESTS = 100
MONDAY = date(2026, 11, 2)
"""The trace has no dates: its first day is taken for a Monday."""

pytestmark = pytest.mark.skipif(not TRACE.exists(), reason="the data is not beside this checkout")


class Outcome(NamedTuple):
    """A forecast of a client's second week, and what came."""

    total: Decimal
    spread: Decimal
    used: Decimal
    actual: Decimal

    @property
    def error(self) -> Decimal:
        return abs(self.total - self.actual) / self.actual

    @property
    def is_within(self) -> bool:
        return max(self.used, self.total - self.spread) <= self.actual <= self.total + self.spread


@dataclass(frozen=True)
class Score:
    """All clients, on a day of their second week."""

    days_gone: int
    clients: int
    median: int
    weighted: int
    pace: int | None
    within: int

    @property
    def row(self) -> str:
        pace = "none" if self.pace is None else f"{self.pace} %"
        return f"| {self.days_gone} | {self.clients} | {self.median} % | {self.weighted} % | {pace} | {self.within} % |"


@cache
def read_clients() -> list[tuple[int, ...]]:
    """Requests a day of each client, over 14 days."""
    days: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 2 * WEEK)
    with gzip.open(TRACE, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["model"] in MODELS:
                days[row["model"], row["client"]][int(row["window_start_s"]) // DAY_SECONDS] += int(row["requests"])
    return [tuple(each) for each in days.values()]


def look_back(client: Sequence[int], gone: int) -> Outcome | None:
    """Forecast the second week when `gone` of its days are over; None for a client too new or with too little use."""
    actual, used = Decimal(sum(client[WEEK:])), Decimal(sum(client[WEEK : WEEK + gone]))
    today = MONDAY + timedelta(days=WEEK + gone)
    known = {MONDAY + timedelta(days=i): Decimal(amount) for i, amount in enumerate(client)}
    days = DailyUsage.before(today, known)
    if actual < LEAST_REQUESTS or len(days.amounts) < LEAST_DAYS:
        return None
    rest, spread = forecast_days(days, WEEK - gone)
    return Outcome(used + rest, spread, used, actual)


def percent(part: Decimal) -> int:
    return int((part * 100).to_integral_value())


def score(gone: int) -> Score:
    outcomes = [found for client in read_clients() if (found := look_back(client, gone))]
    actual = sum(each.actual for each in outcomes)
    paces = sorted(abs(each.used * WEEK / gone - each.actual) / each.actual for each in outcomes) if gone else []
    return Score(
        gone,
        len(outcomes),
        percent(sorted(each.error for each in outcomes)[len(outcomes) // 2]),
        percent(sum(abs(each.total - each.actual) for each in outcomes) / actual),
        percent(paces[len(paces) // 2]) if paces else None,
        percent(Decimal(sum(each.is_within for each in outcomes)) / len(outcomes)),
    )


@cache
def list_scores() -> list[Score]:
    return [score(gone) for gone in range(WEEK)]


@pytest.mark.slow
def test_the_documented_errors_are_those_of_the_real_weeks() -> None:
    documented = re.findall(r"^\| \d+ \| \d+ \|.*\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == [each.row for each in list_scores()]


@pytest.mark.slow
def test_eight_outcomes_in_ten_lie_within_the_range() -> None:
    scores = list_scores()
    within = sum(each.within * each.clients for each in scores) // sum(each.clients for each in scores)
    assert 78 <= within <= 84


@pytest.mark.slow
def test_the_days_before_make_a_forecast_no_worse_than_the_pace() -> None:
    assert all(each.pace is None or each.median <= each.pace for each in list_scores())


if __name__ == "__main__":
    for found in list_scores():
        print(found.row)
