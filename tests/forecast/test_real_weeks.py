"""The forecast against two real weeks: each client of an LLM service, its second week forecast on every day of it.

The data is Alibaba's ServeGen (Apache-2.0), windows of ten minutes by client, which is not part of the project. What
`docs/forecast.md` states is what this prints, table and sentences: `python -m tests.forecast.test_real_weeks`.
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
from app.forecast.level import SPREAD
from app.settings import PROJECT

TRACE = PROJECT.parent / "shared" / "data" / "llm_requests_by_client.csv.gz"
DOCS = PROJECT / "docs" / "forecast.md"
MODELS = ("m-large", "m-mid", "m-small")
"""Those with two weeks; the others have one day."""
WEEK, DAY_SECONDS = 7, 86_400
LEAST_REQUESTS = 100
NORMAL = Decimal("1.28")
"""Standard deviations on either side that hold eight normal errors in ten."""
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

    def is_within(self, width: Decimal = SPREAD) -> bool:
        """Whether what came lay within the range, had it been so many standard deviations wide."""
        spread = self.spread * width / SPREAD
        return max(self.used, self.total - spread) <= self.actual <= self.total + spread


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


def list_outcomes(gone: int, clients: Sequence[Sequence[int]]) -> list[Outcome]:
    return [found for client in clients if (found := look_back(client, gone))]


def share_within(outcomes: Sequence[Outcome], width: Decimal = SPREAD) -> int:
    return percent(Decimal(sum(each.is_within(width) for each in outcomes)) / len(outcomes))


def score(gone: int) -> Score:
    outcomes = list_outcomes(gone, read_clients())
    actual = sum(each.actual for each in outcomes)
    paces = sorted(abs(each.used * WEEK / gone - each.actual) / each.actual for each in outcomes) if gone else []
    return Score(
        gone,
        len(outcomes),
        percent(sorted(each.error for each in outcomes)[len(outcomes) // 2]),
        percent(sum(abs(each.total - each.actual) for each in outcomes) / actual),
        percent(paces[len(paces) // 2]) if paces else None,
        share_within(outcomes),
    )


def list_sentences() -> list[str]:
    """What the document says of the range's width, over all days: of all clients, and of every second one alone."""
    clients = read_clients()
    whole, *halves = (
        [each for gone in range(WEEK) for each in list_outcomes(gone, part)]
        for part in (clients, clients[::2], clients[1::2])
    )
    narrow, (one, other) = share_within(whole, NORMAL), (share_within(half) for half in halves)
    return [
        f"with them {narrow} % of all {len(whole):,} outcomes lay within, with two {share_within(whole)} %.",
        f"On either half of the clients alone two held {one} % and {other} %.",
    ]


@cache
def list_scores() -> list[Score]:
    return [score(gone) for gone in range(WEEK)]


@pytest.mark.slow
def test_the_documented_errors_are_those_of_the_real_weeks() -> None:
    documented = re.findall(r"^\| \d+ \| \d+ \|.*\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == [each.row for each in list_scores()]


@pytest.mark.slow
def test_the_documented_width_of_the_range_is_that_of_the_real_weeks() -> None:
    documented = " ".join(DOCS.read_text(encoding="utf-8").split())
    assert [each for each in list_sentences() if each not in documented] == []


@pytest.mark.slow
def test_eight_outcomes_in_ten_lie_within_the_range() -> None:
    outcomes = [each for gone in range(WEEK) for each in list_outcomes(gone, read_clients())]
    assert 78 <= share_within(outcomes) <= 82


@pytest.mark.slow
def test_the_days_before_make_a_forecast_no_worse_than_the_pace() -> None:
    assert all(each.pace is None or each.median <= each.pace for each in list_scores())


if __name__ == "__main__":
    for found in list_scores():
        print(found.row)
    print(*list_sentences(), sep="\n")
