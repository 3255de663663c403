"""G9: each of the staff's reports, asked of the events and of the roll-ups."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.metering.rollups import reports
from bench.reference import raw_reports
from bench.world import World

TIMES = 7


@dataclass(frozen=True)
class Report:
    """A report over the last `days` (0: this month); `ours` reads roll-ups, `raw` is the same asked of the events."""

    name: str
    days: int
    raw: str
    ours: Callable[[Session, date, date, int], Any]


REPORTS = [
    Report("days of 90 days", 90, raw_reports.DAILY,
           lambda read, first, last, _: reports.list_daily_totals(read, first, last)),
    Report("plans of a year", 365, raw_reports.BY_PLAN,
           lambda read, first, last, _: reports.list_totals(read, first, last, "plan")),
    Report("providers of a year", 365, raw_reports.BY_PROVIDER,
           lambda read, first, last, _: reports.list_totals(read, first, last, "provider")),
    Report("top organisations of 30 days", 30, raw_reports.TOP_ORGS, reports.list_top_orgs_of_days),
    Report("active of this month", 0, raw_reports.ACTIVE,
           lambda read, first, last, _: reports.count_active(read, first, last)),
]  # fmt: skip


def ratios(world: World) -> Iterator[tuple[str, float, float]]:
    """Each report's name, the seconds that the events take, and those that the roll-ups take."""
    today = datetime.now(UTC).date()
    with _session(world) as session, psycopg.connect(world.url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM meters WHERE key = 'bench'").fetchone()
        assert row is not None
        for each in REPORTS:
            first = today - timedelta(days=each.days) if each.days else today.replace(day=1)
            named = {"first": first, "after": today + timedelta(days=1), "meter": row[0]}
            started = time.perf_counter()
            asked = connection.execute(each.raw, {k: v for k, v in named.items() if f"%({k})s" in each.raw}).fetchall()
            raw = time.perf_counter() - started
            assert asked
            yield each.name, raw, _median(session, each, first, today, row[0])


def _median(session: Session, report: Report, first: date, last: date, meter: int) -> float:
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        assert report.ours(session, first, last, meter)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@contextmanager
def _session(world: World) -> Iterator[Session]:
    engine = sa.create_engine(world.url.replace("postgresql://", "postgresql+psycopg://", 1))
    with Session(engine) as session:
        yield session
    engine.dispose()
