"""The mover alone: it stops at each due instant, waits until all is quiet there, and says where it does not get on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from app.ops.clock.mover import Mover, Stopped
from tests.today import NOON, FixedClock

HOUR = timedelta(hours=1)


@dataclass
class Diary:
    """A place with entries; each is done in one look, and what it leads to is written down by `then`."""

    clock: FixedClock
    entries: list[datetime]
    done: list[tuple[datetime, datetime]] = field(default_factory=list)
    then: Callable[[datetime], None] = lambda _: None

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        return min((at for at in self.entries if after < at <= until), default=None)

    def arrive(self) -> None:
        pass

    def settle(self) -> list[str]:
        due = sorted(at for at in self.entries if at <= self.clock.now())
        for at in due:
            self.entries.remove(at)
            self.done.append((at, self.clock.now()))
            self.then(at)
        return [f"entry of {at}" for at in due]


def moved(*places: Diary, to: datetime, **how: float) -> list[datetime]:
    """Move the clock of the places; the instants at which all was quiet."""
    seen: list[datetime] = []
    clock = places[0].clock
    Mover(clock, places, look=lambda: seen.append(clock.now()), pause=lambda: None, **how).move(to)
    return seen


def test_each_entry_is_done_at_its_own_instant_and_the_clock_ends_at_the_target() -> None:
    clock = FixedClock(NOON)
    one, other = Diary(clock, [NOON + 2 * HOUR, NOON + 9 * HOUR]), Diary(clock, [NOON + 3 * HOUR, NOON])
    assert moved(one, other, to=NOON + 5 * HOUR) == [NOON + hours * HOUR for hours in (0, 2, 3, 5)]
    assert [at == when for at, when in one.done + other.done] == [True] * 3
    assert (clock.now(), one.entries) == (NOON + 5 * HOUR, [NOON + 9 * HOUR])


def test_what_an_entry_leads_to_is_done_before_the_clock_moves_on() -> None:
    clock = FixedClock(NOON)
    follower = Diary(clock, [])
    leader = Diary(clock, [NOON + HOUR])
    follower.then = lambda at: leader.entries.append(at + 2 * HOUR)
    leader.then = lambda at: follower.entries.append(at) if at < NOON + 4 * HOUR else None
    assert moved(follower, leader, to=NOON + 9 * HOUR) == [NOON + hours * HOUR for hours in (0, 1, 3, 5, 9)]
    assert [at == when for at, when in leader.done + follower.done] == [True] * 5


def test_an_instant_that_is_not_quiet_in_time_stops_the_clock_there_and_is_named() -> None:
    clock = FixedClock(NOON)
    entries = [NOON + HOUR, NOON + 2 * HOUR]
    stuck = Diary(clock, entries, then=entries.append)
    with pytest.raises(Stopped) as stopped:
        moved(stuck, to=NOON + 9 * HOUR, patience=0.01)
    assert (stopped.value.at, clock.now()) == (NOON + HOUR, NOON + HOUR)
    assert stopped.value.what == (f"entry of {NOON + HOUR}",)


def test_a_move_that_takes_too_long_stops_between_two_instants() -> None:
    clock = FixedClock(NOON)
    with pytest.raises(Stopped, match="at most 0 seconds"):
        moved(Diary(clock, [NOON + HOUR]), to=NOON + 9 * HOUR, limit=0.0)
    assert clock.now() == NOON


def test_a_clock_that_is_there_already_is_only_made_quiet() -> None:
    late = Diary(FixedClock(NOON), [NOON - HOUR])
    assert moved(late, to=NOON - HOUR) == [NOON]
    assert late.done == [(NOON - HOUR, NOON)]
