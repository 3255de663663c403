"""Usage moves with the boundaries of its period: the counters say what the events say, whatever moved and when."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering import tasks
from app.metering.verification import move as moving
from app.metering.verification.move import move_usage
from app.subscriptions import periods
from tests.metering.books import Books
from tests.metering.world import MONTHS, NOW, event

END = datetime(2027, 1, 1, tzinfo=UTC)
OCTOBER, NOVEMBER = MONTHS[1], MONTHS[2]
CUT = NOW - timedelta(hours=2)
METERS = ("t_sum", "t_count", "t_max", "t_people", "t_kinds")
FIRST = MONTHS[0] + timedelta(days=9)
"""When histories begin: other tests count the days before."""
LARGE: dict[str, int] = {"at_once": -1}
"""Nothing is small enough to be settled at once."""


def move(books: Books, org: UUID, bounds: Iterable[datetime], **how: int) -> None:
    """Let periods begin at these times, and have usage follow."""
    with books.transaction() as session:
        periods.lock_usage(session, org)
        before = set(session.scalars(text("SELECT starts_at FROM usage_periods WHERE org_id = :org"), {"org": org}))
        moved = before ^ set(bounds)
        if moved:
            tile(session, org, sorted(bounds))
            move_usage(session, org, min(moved), NOW, **how)


def tile(session: Session, org: UUID, bounds: list[datetime]) -> None:
    session.execute(text("DELETE FROM usage_periods WHERE org_id = :org"), {"org": org})
    for start, end in pairwise([*bounds, END]):
        session.execute(
            text("INSERT INTO usage_periods (org_id, starts_at, ends_at, previous_end, plan_version_id, time_zone,"
                 " opened_at) VALUES (:org, :start, :end, :before, gen_random_uuid(), 'UTC', now())"),
            {"org": org, "start": start, "end": end, "before": None if start == bounds[0] else start},
        )  # fmt: skip
    session.execute(
        text("INSERT INTO terms_in_force (org_id, period_start, meter_id, mentioned, policy, sources)"
             " SELECT p.org_id, p.starts_at, m.id, false, 'warn', '{}' FROM usage_periods p, meters m"
             " WHERE p.org_id = :org"),
        {"org": org},
    )  # fmt: skip


def unsettled(books: Books, org: UUID) -> list[moving.UnsettledCounter]:
    with books.transaction() as session:
        return moving.list_unsettled(session, org)


def settle_all(books: Books, org: UUID) -> None:
    """What the task does."""
    for counter in unsettled(books, org):
        with books.transaction() as session:
            reading = moving.begin(session, counter)
        for since, until in counter.slices():
            with books.transaction() as session:
                reading.read(session, since, until)
        with books.transaction() as session:
            periods.lock_usage(session, org)
            assert moving.write(session, reading)


def figures(books: Books, org: UUID) -> dict[tuple[str, datetime], tuple[Decimal, Decimal]]:
    """What the events say, by meter and period: used and billable."""
    rows = books.run(
        "SELECT m.key, f.period_start, f.used, f.used - f.unbilled FROM usage_counter_figures(%s) f"
        " JOIN meters m ON m.id = f.meter_id",
        ([org],),
    )
    return {(key, start): (used, billable) for key, start, used, billable in rows}


def counters(books: Books, org: UUID) -> dict[tuple[str, datetime], tuple[Decimal, Decimal, bool]]:
    rows = books.run(
        "SELECT m.key, c.period_start, c.used, c.billable, c.unsettled IS NULL FROM usage_counters c"
        " JOIN meters m ON m.id = c.meter_id WHERE c.org_id = %s",
        (org,),
    )
    return {(key, start): (used, billable, settled) for key, start, used, billable, settled in rows}


def is_bounded(books: Books, org: UUID) -> None:
    """Until they are settled, maxima are at least what the counters say and unique values are at most so many."""
    true, kept = figures(books, org), counters(books, org)
    for (meter, start), (used, billable, settled) in kept.items():
        says = true.get((meter, start), (Decimal(0), Decimal(0)))
        if settled:
            assert (used, billable) == says
        elif meter == "t_max":
            assert used <= says[0]
            assert billable <= says[1]
        else:
            assert used >= says[0]
            assert billable >= says[1]
    assert kept.keys() >= true.keys()
    assert books.differences(org) == []


def is_exact(books: Books, org: UUID) -> None:
    assert unsettled(books, org) == []
    is_bounded(books, org)
    values = "SELECT meter_id, period_start, value_hash, billable FROM {} WHERE org_id = %s"
    kept = books.run(values.format("usage_uniques"), (org,))
    assert set(kept) == set(
        books.run(values.format("usage_unique_figures(ARRAY[%s])").replace(" WHERE org_id = %s", ""), (org,))
    )


class Life:
    """A random history of an org: usage, imports, reservations, and boundaries that move, come and go."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books, self.random, self.org = books, random.Random(seed), books.org()
        self.bounds = {*MONTHS}

    def step(self, **how: int) -> None:
        getattr(self, self.random.choice(["use", "use", "bring", "reserve", "shift"]))()
        getattr(self, self.random.choice(["nothing", "shift", "cut", "drop"]))()
        move(self.books, self.org, self.bounds, **how)

    def nothing(self) -> None: ...

    def use(self) -> None:
        done = self.books.many(self.org, [self.event(timedelta(days=35)) for _ in range(self.random.randint(1, 12))])
        assert done.refused == []

    def bring(self) -> None:
        events = [self.event(NOW - FIRST) for _ in range(self.random.randint(1, 6))]
        self.books.imported(self.org, events, bill=self.random.random() < 0.2)

    def reserve(self) -> None:
        self.books.run("UPDATE usage_counters SET reserved = reserved + 1 WHERE org_id = %s", (self.org,))

    def cut(self) -> None:
        self.bounds.add(self.instant(NOW - FIRST))

    def shift(self) -> None:
        self.drop()
        self.cut()

    def drop(self) -> None:
        later = sorted(self.bounds - {MONTHS[0]})
        if later:
            self.bounds.discard(self.random.choice(later))

    def instant(self, age: timedelta) -> datetime:
        """On a coarse grid, so that events fall on boundaries; up to five minutes ahead."""
        at = self.random.choice([NOW, NOW + timedelta(minutes=4), NOW - timedelta(hours=self.random.randint(0, 60)),
                                 NOW - timedelta(days=self.random.randint(0, age.days))])  # fmt: skip
        return max(at, FIRST)

    def event(self, age: timedelta) -> Any:
        meter = self.random.choice(METERS)
        fields = {"t_people": {"user": self.random.choice("abcd")}, "t_kinds": {"kind": self.random.choice("xyz")}}
        quantity = self.random.choice(["0", "1", "2.5", "7"])
        sent = {} if meter == "t_count" else {"quantity": quantity}
        return event(meter, occurred_at=self.instant(age), **fields.get(meter, {}), **sent)


def live(books: Books, seed: int) -> None:
    """Boundaries move at first as in large periods, then as in small ones."""
    life = Life(books, seed)
    for step in range(10):
        life.step(**LARGE)
        is_bounded(books, life.org)
        if step % 3 == 2:
            settle_all(books, life.org)
            is_exact(books, life.org)
    settle_all(books, life.org)
    reserved = books.run("SELECT sum(reserved) FROM usage_counters WHERE org_id = %s", (life.org,))
    for _ in range(5):
        life.use()
        life.shift()
        move(books, life.org, life.bounds)
        is_exact(books, life.org)
    assert books.run("SELECT sum(reserved) FROM usage_counters WHERE org_id = %s", (life.org,)) == reserved


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_after_any_history_of_moves_the_counters_say_what_the_events_say(books: Books, seed: int) -> None:
    live(books, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 80))
def test_after_many_histories_of_moves_the_counters_say_what_the_events_say(books: Books, seed: int) -> None:
    live(books, seed)


@pytest.fixture
def cut(books: Books) -> UUID:
    """An org whose November is cut, and too large to be settled at once: "both" is in doubt before the cut."""
    org = books.org()
    for at, user in ((CUT - timedelta(days=1), "old"), (CUT, "both"), (CUT, "new")):
        books.many(org, [event("t_people", user=user, occurred_at=at), event("t_max", 7, occurred_at=at)])
    move(books, org, [*MONTHS, CUT], **LARGE)
    assert {(each.aggregation, each.starts_at) for each in unsettled(books, org)} == {
        ("max", NOVEMBER), ("unique", NOVEMBER),
    }  # fmt: skip
    return org


def test_a_value_in_doubt_is_not_counted_twice(books: Books, cut: UUID) -> None:
    assert books.used(cut, "t_people") == 3
    books.many(cut, [event("t_people", user="both", occurred_at=CUT - timedelta(hours=1))])
    assert books.used(cut, "t_people") == 3
    settle_all(books, cut)
    assert books.used(cut, "t_people") == 2
    is_exact(books, cut)


def test_what_is_recorded_while_a_period_is_read_counts(books: Books, cut: UUID) -> None:
    readings = []
    for counter in unsettled(books, cut):
        with books.transaction() as session:
            reading = moving.begin(session, counter)
            reading.read(session, counter.starts_at, counter.ends_at)
            readings.append(reading)
    before = CUT - timedelta(hours=1)
    books.many(cut, [event("t_people", user="both", occurred_at=before), event("t_max", 9, occurred_at=before)])
    with books.transaction() as session:
        periods.lock_usage(session, cut)
        assert all(moving.write(session, reading) for reading in readings)
    assert (books.used(cut, "t_people"), books.used(cut, "t_max")) == (2, 9)
    is_exact(books, cut)


def test_what_was_read_before_a_boundary_moved_again_is_not_written(books: Books, cut: UUID) -> None:
    (counter, *_) = unsettled(books, cut)
    with books.transaction() as session:
        reading = moving.begin(session, counter)
    move(books, cut, [*MONTHS, CUT - timedelta(hours=1)], **LARGE)
    with books.transaction() as session:
        periods.lock_usage(session, cut)
        assert not moving.write(session, reading)
    settle_all(books, cut)
    is_exact(books, cut)


def test_the_task_settles_every_counter(books: Books, cut: UUID, app: Flask) -> None:
    with app.app_context():
        tasks.settle_due()
    is_exact(books, cut)
