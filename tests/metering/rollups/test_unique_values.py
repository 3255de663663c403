"""Values of `unique` meters: days, months, totals and pages equal the events after any history, reversals included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.metering.rollups.models import DIMENSIONS
from app.metering.verification import repair
from tests.metering.books import FIRST, LAST, Books
from tests.metering.world import MONTHS, NOW

TODAY = NOW.date()
INSERT = """
INSERT INTO usage_events (org_id, key, quantity, occurred_at, recorded_at, meter_id, billable, event_id, source, kind,
                          provider, subject_id, reverses, billing_reason, attempt, language, status_code, response_ms,
                          file_bytes)
SELECT %(org)s, %(key)s, %(quantity)s, %(at)s, now(), id, %(billable)s, 'e', %(source)s, %(kind)s, %(provider)s,
       %(user)s, %(reverses)s, %(reason)s, %(attempt)s, %(language)s, %(status)s, %(ms)s, %(bytes)s
FROM meters WHERE key = %(meter)s
"""
FIGURES = """
SELECT f.day, f.meter_id, f.dimension, f.value, f.quantity, f.events
FROM usage_figures(%s, ARRAY[CAST(%s AS uuid)], NULL, '-infinity', 'infinity', 9223372036854775807, 0) f
"""
PAGE = "SELECT s.day, s.meter_id, CAST(%s AS text), s.value, s.quantity, s.events FROM usage_series(%s, %s, %s, %s, NULL, NULL, %s) s"  # noqa: E501
# One org's kinds are its own, so that its part of the totals can be told apart.
TOTALS = """
SELECT t.day, t.meter_id, t.quantity, t.events FROM usage_totals t JOIN meters m ON m.id = t.meter_id
WHERE t.events > 0 AND t.dimension = 'kind' AND t.value LIKE %s || '%%'
  AND m.aggregation = %s
"""


@dataclass
class Story:
    """One org's events, written as rows, so that they can be reversed."""

    books: Books
    org: UUID

    def event(self, meter: str = "t_kinds", kind: str | None = "a", at: datetime = NOW, **row: Any) -> dict[str, Any]:
        mine = None if kind is None else f"{self.org}-{kind}"
        given = {"org": self.org, "key": uuid4(), "quantity": 1, "at": at, "billable": True, "source": "api",
                 "kind": mine, "provider": "p", "user": None, "reverses": None, "meter": meter, "reason": None,
                 "attempt": None, "language": None, "status": None, "ms": None, "bytes": None}  # fmt: skip
        self.books.run(INSERT, given | row)  # type: ignore[arg-type]
        return given | row

    def reverse(self, event: dict[str, Any]) -> None:
        again = {"key": uuid4(), "quantity": -event["quantity"], "reverses": event["key"], "source": "void"}
        self.books.run(INSERT, event | again)  # type: ignore[arg-type]

    def pages_agree(self) -> None:
        """What pages show of each dimension is what all events say."""
        for bucket in ("day", "month"):
            shown = [
                row
                for dimension in DIMENSIONS
                for row in self.books.run(PAGE, (dimension, bucket, self.org, FIRST, LAST, dimension))
            ]
            assert sorted(shown) == sorted(self.books.run(FIGURES, (bucket, self.org)))

    def roll_ups_agree(self) -> None:
        """So are the rows themselves once everything is folded, and this org's part of the totals."""
        assert rolled_differences(self.books, self.org) == []
        figures = self.books.run(FIGURES, ("day", self.org))
        meters = {self.books.meter(key) for key in ("t_kinds", "t_people")}
        mine = [(day, meter, n, events) for day, meter, dimension, _, n, events in figures
                if dimension == "kind" and meter in meters]  # fmt: skip
        assert sorted(self.books.run(TOTALS, (str(self.org), "unique"))) == sorted(mine)


def rolled_differences(books: Books, org: UUID) -> list[Any]:
    """The differences of roll-ups: rows written by hand have neither keys nor counters."""
    return [each for each in books.differences(org) if each.check in repair.ROLLED]


@pytest.fixture
def story(books: Books) -> Story:
    return Story(books, books.org())


def shown(story: Story) -> tuple[list[Any], list[Any]]:
    """The total of each day and of each month, as pages show it."""
    days, months = story.books.days(story.org), story.books.months(story.org)
    return [days[key] for key in sorted(days)], [months[key] for key in sorted(months)]


@pytest.mark.parametrize("folded", [False, True])
def test_a_value_above_the_watermark_that_stands_below_it_counts_once(story: Story, folded: bool) -> None:
    story.event(kind="a")
    story.books.fold()
    story.event(kind="a")
    story.event(kind="b")
    story.event(kind="a", at=NOW - timedelta(days=1))
    if folded:
        story.books.fold()
    assert shown(story) == ([1, 2], [2])
    story.pages_agree()


@pytest.mark.parametrize("folded", [False, True])
def test_a_value_leaves_day_and_month_with_its_last_event(story: Story, folded: bool) -> None:
    first, second = story.event(), story.event()
    yesterday = story.event(at=NOW - timedelta(days=1))
    story.books.fold()
    for reversed_, figures in ((first, ([1, 1], [1])), (yesterday, ([0, 1], [1])), (second, ([0, 0], [0]))):
        story.reverse(reversed_)
        if folded:
            story.books.fold()
            assert rolled_differences(story.books, story.org) == []
        assert shown(story) == figures
        story.pages_agree()


def test_both_days_of_a_value_reversed_at_once_take_it_from_the_month(story: Story) -> None:
    events = [story.event(at=NOW - timedelta(days=back)) for back in (0, 1)]
    story.event(kind="b")
    story.books.fold()
    for each in events:
        story.reverse(each)
    story.pages_agree()
    story.books.fold()
    assert shown(story) == ([0, 1], [1])
    story.roll_ups_agree()


def test_a_maximum_falls_with_its_event(story: Story) -> None:
    story.event("t_max", quantity=4)
    high = story.event("t_max", quantity=9)
    story.event("t_max", quantity=6, at=NOW - timedelta(days=1))
    story.books.fold()
    story.reverse(high)
    story.pages_agree()
    story.books.fold(max_rows=1)
    assert shown(story) == ([6, 4], [6])
    story.roll_ups_agree()
    assert [row[2] for row in sorted(story.books.run(TOTALS, (str(story.org), "max")))] == [6, 4]


_EDGE = MONTHS[2]
_EVENT = st.fixed_dictionaries(
    {
        "meter": st.sampled_from(["t_kinds", "t_kinds", "t_people", "t_max", "t_sum"]),
        "kind": st.sampled_from(["a", "b", "c", None]),
        "provider": st.sampled_from(["p", "q", None]),
        "user": st.sampled_from([None, *(UUID(int=n) for n in (1, 2))]),
        "quantity": st.integers(1, 9),
        "at": st.one_of(
            st.integers(-3, 3).map(lambda hours: _EDGE + timedelta(hours=hours, microseconds=-1)),
            st.integers(0, 50).map(lambda hours: NOW - timedelta(days=2, hours=hours)),
            st.integers(0, 40).map(lambda days: NOW - timedelta(days=days)),
        ),
        "source": st.sampled_from(["api", "api", "import", "job"]),
        "attempt": st.sampled_from([None, "original", "rerun"]),
        "language": st.sampled_from([None, "en"]),
        "status": st.sampled_from([None, 200, 404, 503, 7]),
        "ms": st.sampled_from([None, 0, 9, 70_000]),
        "bytes": st.sampled_from([None, 5, 10**10]),
    }
)
_STEP = st.one_of(_EVENT, _EVENT, _EVENT, st.integers(0, 30), st.sampled_from(["fold", "fold small", "zone", "stale"]))
_ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]


@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
@pytest.mark.slow
def test_after_any_history_with_reversals_everything_equals_the_events(books: Books, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=st.lists(_STEP, min_size=4, max_size=40), zones=st.permutations(_ZONES))
    def each(history: list[Any], zones: list[str]) -> None:
        _live(Story(books, books.org(zone=zones[0])), history, zones)

    each()


def _live(story: Story, history: list[Any], zones: list[str]) -> None:
    standing: list[dict[str, Any]] = []
    for step in history:
        if isinstance(step, dict):
            free = {"reason": "retry", "attempt": "retry"} if step["source"] == "job" else {}
            standing.append(story.event(**step | {"billable": step["source"] == "api"} | free))
        elif isinstance(step, int) and standing:
            story.reverse(standing.pop(step % len(standing)))
        elif step == "zone":
            zones.append(zones.pop(0))
            story.books.run("UPDATE orgs SET time_zone = %s WHERE id = %s", (zones[0], story.org))
        elif step == "stale":
            story.books.run("UPDATE rollup_orgs SET stale = true WHERE org_id = %s", (story.org,))
        elif isinstance(step, str):
            story.books.fold(max_rows=2 if step == "fold small" else 1000)
            story.roll_ups_agree()
        story.pages_agree()
    story.books.fold()
    story.pages_agree()
    story.roll_ups_agree()
