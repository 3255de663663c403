"""What a fold costs: `more` means more, and a value of a `unique` meter costs the same however many there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from app.kit.postgres.pool import HotPool
from app.metering.rollups.fold import fold_rollups
from app.metering.verification import repair
from tests.metering.books import Books
from tests.metering.world import NOW, event
from tests.support.database import own_database

LATE = NOW - timedelta(days=20)
EVENTS = """
INSERT INTO usage_events (org_id, key, quantity, occurred_at, recorded_at, meter_id, billable, event_id, source,
                          kind, provider)
SELECT %s, gen_random_uuid(), 1, CAST(%s AS timestamptz) + n %% 5 * interval '1 day', now(), m.id, true, 'e', 'api',
       'k' || n, 'p'
FROM meters m, generate_series(CAST(%s AS integer), %s) n WHERE m.key = %s
"""
# The view counts from the connection's last report to the server, at most one a second, so earlier folds are in it.
TOUCHED = text("""
SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del), 0)
FROM pg_stat_xact_user_tables
""")


@pytest.fixture(scope="module")
def crowd(server: Path) -> Iterator[Books]:
    """A world of its own, in which one org has used 5,000 values of a `unique` meter; all folded."""
    with own_database(server, "crowd") as url:
        pool = HotPool(url, 2)
        made = Books(url, pool)
        insert(made, made.org(), "t_kinds", 1, 5_000)
        made.fold()
        yield made
        made.engine.dispose()
        pool.close()


def insert(books: Books, org: UUID, meter: str, first: int, last: int) -> None:
    """Late events, one for each value, over five days."""
    with psycopg.connect(books.url) as connection:
        connection.execute(EVENTS, (org, LATE, first, last, meter))


def touched_by_fold(books: Books, org: UUID, meter: str, value: int) -> int:
    """How many rows the fold of one late event reads and writes, in all tables."""
    insert(books, org, meter, value, value)
    mark, until = books.run("SELECT pg_current_xact_id()::text::bigint")[0][0], time.monotonic() + 60
    while books.run("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")[0][0] <= mark:
        assert time.monotonic() < until, "the watermark was held back for a minute"
        time.sleep(0.02)
    with books.transaction() as session:
        before = session.execute(TOUCHED).scalar_one()
        assert fold_rollups(session, NOW).events == 1
        return int(session.execute(TOUCHED).scalar_one() - before)


@pytest.mark.parametrize("value", [7, 5_001], ids=["known", "new"])
def test_a_late_value_touches_few_rows_however_many_the_month_has(crowd: Books, value: int) -> None:
    ((org,),) = crowd.run("SELECT id FROM orgs WHERE name = 'org'")
    unique, plain = (touched_by_fold(crowd, org, meter, value) for meter in ("t_kinds", "t_sum"))
    assert unique < plain + 100
    assert [each for each in crowd.differences(org) if each.check in repair.ROLLED] == []


def test_a_fold_has_nothing_left_although_transactions_end_meanwhile(books: Books) -> None:
    org, done = books.org(), []
    books.fold()
    with psycopg.connect(books.url) as writer, psycopg.connect(books.url) as holder:
        writer.execute(EVENTS, (org, NOW, 5, 5, "t_sum"))
        holder.execute("LOCK TABLE usage_totals IN SHARE MODE")
        fold = threading.Thread(target=lambda: done.append(books.step()))
        fold.start()
        until, waiting = time.monotonic() + 30, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation ="
        while not books.run(f"{waiting} 'usage_totals'::regclass)")[0][0]:
            assert time.monotonic() < until
            time.sleep(0.01)
        writer.commit()
        holder.commit()
        fold.join()
    assert [step.more for step in done] == [False]
    books.fold()
    assert books.kept("usage_days", org)[NOW.date(), "t_sum", "", ""] == 1


def test_a_step_that_stops_early_has_more_and_the_last_has_not(books: Books) -> None:
    org = books.org()
    for _ in range(6):
        books.one(org, event("t_sum", 1))
    said, until = [], time.monotonic() + 60
    while books.kept("usage_days", org).get((NOW.date(), "t_sum", "", "")) != 6:
        assert time.monotonic() < until
        said.append(books.step(max_rows=2).more)
    assert True in said
    steps = [books.step(max_rows=2) for _ in range(3)]
    assert [(step.events, step.more) for step in steps] == [(0, False)] * 3
