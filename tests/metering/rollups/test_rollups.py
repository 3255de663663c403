"""Rule 2.3: roll-ups + events above the watermark = events = counters, after any history."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.metering.schemas import Event
from app.metering.tasks import PERIODIC, TASKS
from tests.metering.books import Books, expected
from tests.metering.world import METERS, MONTHS, NOW, event

INSERT = """
INSERT INTO usage_events (org_id, key, quantity, tx, occurred_at, recorded_at, meter_id, billable, event_id, source)
SELECT %s, gen_random_uuid(), %s, coalesce(%s, pg_current_xact_id()::text::bigint), %s, %s, id, true, 'e', 'api'
FROM meters WHERE key = 't_sum'
"""
EDGE = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_fold_adds_each_event_once_and_a_second_adds_nothing(books: Books) -> None:
    org = books.org()
    events = [event("t_sum", i, kind=f"k{i % 3}", provider="p", endpoint="/x", user=f"u{i % 5}") for i in range(60)]
    books.many(org, events)
    assert books.fold() >= 60
    once = books.kept("usage_days", org)
    assert once[NOW.date(), "t_sum", "", ""] == sum(range(60))
    assert once[NOW.date(), "t_sum", "kind", "k1"] == sum(range(1, 60, 3))
    assert books.fold() == 0
    assert books.kept("usage_days", org) == once
    assert books.differences(org) == []


def test_only_dimensions_that_an_event_carries_have_rows(books: Books) -> None:
    org = books.org()
    books.one(org, event("t_sum", 1, provider="p"))
    books.fold()
    assert {key[2] for key in books.kept("usage_days", org)} == {"", "provider"}


def test_a_late_event_reaches_the_day_on_which_it_happened(books: Books) -> None:
    org = books.org()
    books.one(org, event("t_sum", 5))
    books.fold()
    late = NOW - timedelta(days=30)
    books.one(org, event("t_sum", 7, occurred_at=late))
    books.fold()
    kept = books.kept("usage_days", org)
    assert (kept[NOW.date(), "t_sum", "", ""], kept[late.date(), "t_sum", "", ""]) == (5, 7)
    assert books.kept("usage_months", org)[date(2026, 10, 1), "t_sum", "", ""] == 7


def test_max_and_unique_are_computed_per_day_and_month_and_never_added_up(books: Books) -> None:
    org = books.org()
    for day, quantity, kind in ((1, 4, "a"), (1, 9, "b"), (2, 6, "a"), (2, 2, "b")):
        at = EDGE + timedelta(days=day)
        books.many(org, [event("t_max", quantity, occurred_at=at), event("t_kinds", kind=kind, occurred_at=at)])
        books.fold()
    days, months = books.kept("usage_days", org), books.kept("usage_months", org)
    assert [days[date(2026, 11, 2 + d), "t_max", "", ""] for d in (0, 1)] == [9, 6]
    assert [days[date(2026, 11, 2 + d), "t_kinds", "", ""] for d in (0, 1)] == [2, 2]
    assert months[date(2026, 11, 1), "t_max", "", ""] == 9
    assert months[date(2026, 11, 1), "t_kinds", "", ""] == 2


def test_days_are_cut_at_midnight_of_the_orgs_zone(books: Books) -> None:
    org = books.org(zone="Pacific/Auckland")  # UTC+13 in November
    at = datetime(2026, 11, 9, 11, 30, tzinfo=UTC)
    books.many(org, [event("t_sum", 1, occurred_at=at - timedelta(hours=1)), event("t_sum", 2, occurred_at=at)])
    books.fold()
    kept = books.kept("usage_days", org)
    assert (kept[date(2026, 11, 9), "t_sum", "", ""], kept[date(2026, 11, 10), "t_sum", "", ""]) == (1, 2)


def test_a_change_of_zone_builds_the_orgs_days_again_and_pages_stay_right_meanwhile(books: Books) -> None:
    org = books.org()
    at = datetime(2026, 11, 9, 23, 30, tzinfo=UTC)
    books.many(org, [event("t_sum", 1, occurred_at=at), event("t_kinds", kind="a", occurred_at=at)])
    books.fold()
    books.run("UPDATE orgs SET time_zone = 'Europe/Berlin' WHERE id = %s", (org,))
    assert sum(books.days(org).values()) == 2
    books.fold()
    kept = books.kept("usage_days", org)
    assert (kept[date(2026, 11, 10), "t_sum", "", ""], kept[date(2026, 11, 10), "t_kinds", "", ""]) == (1, 1)
    assert (date(2026, 11, 9), "t_sum", "", "") not in kept
    assert books.differences(org) == []


def test_folding_in_small_steps_ends_where_one_step_ends(books: Books) -> None:
    one, other = books.org(), books.org()
    for i in range(12):
        books.many(one, [event("t_sum", i, kind="k"), event("t_max", i)])
    books.fold()
    for i in range(12):
        books.many(other, [event("t_sum", i, kind="k"), event("t_max", i)])
    books.fold(max_rows=3)
    assert books.kept("usage_days", one) == books.kept("usage_days", other)


def test_an_event_of_a_transaction_in_flight_is_neither_lost_nor_counted_twice(books: Books) -> None:
    org, other = books.org(), books.org()
    with psycopg.connect(books.url) as slow:
        slow.execute(INSERT, (org, 3, None, NOW, NOW))  # its transaction is older than the next one's
        books.one(other, event("t_sum", 1))
        books.step()
        assert books.kept("usage_days", org) == {}
        assert books.days(other) == {(NOW.date(), "t_sum", ""): 1}
    assert books.days(org) == {(NOW.date(), "t_sum", ""): 3}
    books.fold()
    assert books.kept("usage_days", org) == {(NOW.date(), "t_sum", "", ""): 3}


def test_two_folds_at_once_count_once(books: Books) -> None:
    org = books.org()
    books.many(org, [event("t_sum", 1) for _ in range(200)])
    folds = [threading.Thread(target=books.fold, args=(20,)) for _ in range(4)]
    for each in folds:
        each.start()
    for each in folds:
        each.join()
    assert books.kept("usage_days", org) == {(NOW.date(), "t_sum", "", ""): 200}


@pytest.mark.slow
def test_in_another_database_cluster_the_fold_starts_again_from_the_recorded_rows(books: Books) -> None:
    org, quiet = books.org(), books.org()
    books.many(org, [event("t_sum", 4, kind="k"), event("t_max", 4), event("t_kinds", kind="k")])
    books.many(quiet, [event("t_sum", 1)])
    books.fold()
    books.one(org, event("t_sum", 5, kind="k"))  # stood above the mark when the dump was taken
    # In the restored cluster the mark means nothing: here it is far above every transaction to come.
    books.run("UPDATE rollup_state SET cluster = 'another', upto = 4000000000000")
    books.one(org, event("t_sum", 6, kind="k"))
    assert books.days(org)[NOW.date(), "t_sum", ""] == 15  # pages read the events until the roll-ups stand again
    books.fold()
    books.one(org, event("t_sum", 7, kind="k"))
    books.fold()
    kept = books.kept("usage_days", org)
    assert (kept[NOW.date(), "t_sum", "", ""], kept[NOW.date(), "t_sum", "kind", "k"]) == (22, 22)
    assert (kept[NOW.date(), "t_max", "", ""], kept[NOW.date(), "t_kinds", "", ""]) == (4, 1)
    assert books.kept("usage_days", quiet) == {(NOW.date(), "t_sum", "", ""): 1}
    assert books.differences(org, quiet) == []


@pytest.mark.slow
def test_restored_rows_with_any_transaction_ids_are_counted_once(books: Books) -> None:
    org = books.org()
    books.fold()
    now = int(books.run("SELECT pg_current_xact_id()::text::bigint")[0][0])
    for tx in (1, now - 1, now + 50, now + 10**9):
        books.run(INSERT, (org, 1, tx, NOW, NOW))
    books.run("UPDATE rollup_state SET cluster = 'another'")
    books.fold()
    for _ in range(60):
        books.run("SELECT pg_current_xact_id()")
    books.one(org, event("t_sum", 1))
    books.fold()
    assert books.kept("usage_days", org) == {(NOW.date(), "t_sum", "", ""): 5}


def test_totals_for_staff_hold_all_orgs_and_equal_their_events(books: Books) -> None:
    one, other = books.org(), books.org()
    kind = f"only-{one}"
    for org, quantity in ((one, 3), (other, 4)):
        books.many(org, [event("t_sum", quantity, kind=kind), event("t_max", quantity, kind=kind)])
    books.many(one, [event("t_kinds", kind=kind)])
    books.fold()
    rows = books.run(
        "SELECT m.key, t.quantity, t.events FROM usage_totals t JOIN meters m ON m.id = t.meter_id"
        " WHERE t.dimension = 'kind' AND t.value = %s AND t.day = %s",
        (kind, NOW.date()),
    )
    assert sorted(rows) == [("t_kinds", 1, 1), ("t_max", 4, 2), ("t_sum", 7, 2)]


def test_the_workers_task_catches_up(books: Books, app: Flask) -> None:
    org = books.org()
    books.one(org, event("t_sum", 2))
    until = time.monotonic() + 60
    with app.app_context():
        while not books.kept("usage_days", org) and time.monotonic() < until:
            TASKS["metering.fold"]()
    assert books.kept("usage_days", org) == {(NOW.date(), "t_sum", "", ""): 2}
    assert ("* * * * * */10", "metering.fold") in PERIODIC


_WHEN = st.one_of(
    st.integers(-35 * 86400 + 60, 290).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    st.integers(-3, 3).map(lambda hours: EDGE + timedelta(hours=hours, microseconds=-1)),
)
_EVENT = st.builds(
    lambda meter, quantity, at, kind, user: event(
        meter, quantity, occurred_at=at, kind=kind if kind or meter != "t_kinds" else "k0", user=user or "u0"
    ),
    st.sampled_from(sorted(METERS)),
    st.decimals(0, 1000, places=2).map(str),
    _WHEN,
    st.sampled_from(["k0", "k1", None]),
    st.sampled_from(["u0", "u1"]),
)
_STEP = st.one_of(st.lists(_EVENT, min_size=1, max_size=8), st.sampled_from(["fold", "fold small", "import"]))


@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
@pytest.mark.slow
def test_counters_roll_ups_and_events_agree_after_any_history(books: Books, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        history=st.lists(_STEP, min_size=1, max_size=10),
        past=st.lists(_EVENT, min_size=1, max_size=5),
        zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    )
    def each(history: list[list[Event] | str], past: list[Event], zone: str) -> None:
        _live(books, history, past, zone)

    each()


def _live(books: Books, history: list[list[Event] | str], past: list[Event], zone: str) -> None:
    org = books.org(zone=zone)
    kept: list[Event] = []
    for step in history:
        if isinstance(step, list):
            _replay(books, org, step, kept)
        elif step == "import" and past[0] not in kept:
            assert books.imported(org, past).recorded == len(past)
            kept.extend(past)
        else:
            books.fold(max_rows=2 if step == "fold small" else 1000)
    for bucket, read in (("day", books.days), ("month", books.months)):
        for dimension in ("", "kind"):
            assert read(org, dimension) == expected(kept, zone, bucket, dimension)
    books.books_agree(org)
    assert books.differences(org) == []
    books.fold()
    assert {key[:2] + key[3:]: q for key, q in books.kept("usage_days", org).items() if key[2] == "kind"} == expected(
        kept, zone, "day", "kind"
    )
    assert books.differences(org) == []
    if zone == "UTC":
        _pages_say_what_counters_say(books, org)


def _replay(books: Books, org: object, step: list[Event], kept: list[Event]) -> None:
    """Record, sending some again: what was known adds nothing."""
    known = {each.id for each in kept}
    done = books.many(org, [*step, step[0]])  # type: ignore[arg-type]
    assert done.refused == []
    assert done.recorded == len({each.id for each in step} - known)
    kept.extend(each for each in step if each.id not in known)


def _pages_say_what_counters_say(books: Books, org: object) -> None:
    for (month, meter, _), quantity in books.months(org).items():  # type: ignore[arg-type]
        start = datetime(month.year, month.month, 1, tzinfo=UTC)
        if start in MONTHS:
            assert books.used(org, meter, start) == Decimal(quantity)  # type: ignore[arg-type]
