"""`flask usage verify`: names every difference, mends counters and roll-ups from the events, never the events."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.kit.periods import midnight
from app.metering.cli import group
from app.metering.verification import repair
from app.metering.verification.move import move_usage
from app.metering.verification.recount import recount
from app.subscriptions import periods
from tests.metering.books import Books
from tests.metering.world import MONTHS, NOW, event

NOVEMBER = MONTHS[2]


@pytest.fixture
def org(books: Books) -> UUID:
    """An org with usage of all four aggregations, some of it imported, all folded."""
    made = books.org(t_sum={"policy": "block", "allowance": 1000, "per_day": 500, "per_minute": 400})
    books.imported(made, [event("t_sum", 8), event("t_max", 9), event("t_people", user="old"), event("t_count")])
    books.many(made, [event("t_max", 5), event("t_people", user="old"), event("t_people", user="new", provider="p")])
    books.many(made, [event("t_sum", 30, kind="a"), event("t_kinds", kind="a")])
    books.fold()
    return made


def mend(books: Books, org: UUID) -> None:
    differences = books.differences(org)
    assert repair.list_repairable_orgs(differences) == [org]
    with books.transaction() as session:
        repair.repair_org(session, org, differences, NOW)


DAMAGE = {
    "counters": [
        "UPDATE usage_counters SET used = used + 1 WHERE org_id = %s",
        "UPDATE usage_counters SET unbilled = unbilled + 1 WHERE org_id = %s",
        "UPDATE usage_counters SET events = events - 1 WHERE org_id = %s",
        "DELETE FROM usage_counters WHERE org_id = %s",
    ],
    "unique values": ["DELETE FROM usage_uniques WHERE org_id = %s"],
    "days": [
        "UPDATE usage_days SET quantity = quantity + 1 WHERE org_id = %s AND dimension = ''",
        "DELETE FROM usage_days WHERE org_id = %s AND dimension = 'kind'",
        "UPDATE usage_days SET day = day - 1 WHERE org_id = %s",
    ],
    "months": ["UPDATE usage_months SET events = events + 1 WHERE org_id = %s"],
    "values by day": [
        "UPDATE rollup_values SET standing = standing + 1 WHERE org_id = %s",
        "DELETE FROM rollup_values WHERE org_id = %s",
    ],
    "parts of days": [
        "UPDATE usage_days SET unbilled = 1 WHERE org_id = %s AND dimension = ''",
        "UPDATE usage_days SET latency = 1 WHERE org_id = %s AND dimension = 'hour'",
    ],
    "parts of months": ["UPDATE usage_months SET free_events = 1 WHERE org_id = %s"],
    "months by user": [
        "UPDATE usage_user_months SET events = 9 WHERE org_id = %s",
        "DELETE FROM usage_user_months WHERE org_id = %s",
    ],
    "active days": [
        "UPDATE usage_active_months SET days = days | 1 WHERE org_id = %s",
        "DELETE FROM usage_active_months WHERE org_id = %s",
    ],
    "windows": ["UPDATE usage_windows SET used = used + 1 WHERE org_id = %s"],
}


@pytest.mark.parametrize(("check", "damage"), [(check, each) for check, all_ in DAMAGE.items() for each in all_])
def test_every_kind_of_damage_is_named_and_mended(books: Books, org: UUID, check: str, damage: str) -> None:
    assert books.differences(org) == []
    days = books.kept("usage_days", org)
    books.run(damage, (org,))
    found = books.differences(org)
    assert check in {each.check for each in found}
    assert {each.org_id for each in found} == {org}
    assert all(each.kept != each.counted and each.what for each in found)
    mend(books, org)
    assert books.differences(org) == []
    assert books.kept("usage_days", org) == days
    assert books.used(org) == 38


def test_a_difference_says_where_what_is_kept_and_what_the_events_say(books: Books, org: UUID) -> None:
    books.run(
        "UPDATE usage_counters SET used = 40 WHERE org_id = %s AND meter_id = %s",
        (org, books.meter("t_sum")),
    )
    (found,) = books.differences(org)
    assert (found.check, found.org_id, found.what) == ("counters", org, "t_sum, period from 2026-11-01 00:00:00+00")
    assert (found.kept, found.counted) == (
        "used 40, unbilled 8, events 2",
        "used 38, unbilled 8, events 2",
    )


def test_a_key_without_its_event_is_named_and_left_alone(books: Books, org: UUID) -> None:
    key = uuid4()
    books.run(
        "INSERT INTO usage_keys (org_id, key, content, occurred_at) VALUES (%s, %s, %s, %s)",
        (org, key, b"0" * 16, NOW),
    )
    found = books.differences(org)
    assert [(each.check, each.counted) for each in found] == [("keys", None)]
    assert str(key) in found[0].what
    assert repair.list_repairable_orgs(found) == []


def test_what_is_reserved_survives_the_mending(books: Books, org: UUID) -> None:
    books.run("UPDATE usage_counters SET reserved = 3, used = used + 1 WHERE org_id = %s", (org,))
    mend(books, org)
    assert books.run("SELECT DISTINCT reserved FROM usage_counters WHERE org_id = %s", (org,)) == [(3,)]


@pytest.mark.slow
def test_verify_sees_one_snapshot_while_usage_goes_on(books: Books, org: UUID) -> None:
    stop = threading.Event()

    def record() -> None:
        while not stop.is_set():
            books.many(org, [event("t_sum", "0.01", kind="a"), event("t_kinds", kind="b")])
            books.step()

    writer = threading.Thread(target=record)
    writer.start()
    try:
        for _ in range(15):
            assert books.differences(org) == []
    finally:
        stop.set()
        writer.join()


def test_a_moved_boundary_takes_its_usage_along(books: Books) -> None:
    org = books.org()
    cut = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
    before, after = cut - timedelta(microseconds=1), cut
    for at, user in ((before, "a"), (after, "a"), (after, "b")):
        books.many(
            org,
            [event("t_sum", 5, occurred_at=at), event("t_people", user=user, occurred_at=at), event("t_max", 7)],
        )
    books.run("UPDATE usage_counters SET reserved = 2 WHERE org_id = %s AND period_start = %s", (org, NOVEMBER))
    with books.transaction() as session:
        periods.lock_usage(session, org)
        books.cut(session, org, cut)
        move_usage(session, org, cut, NOW)
    assert [books.used(org, "t_sum", start) for start in (NOVEMBER, cut)] == [5, 10]
    assert [books.used(org, "t_people", start) for start in (NOVEMBER, cut)] == [1, 2]
    assert [books.used(org, "t_max", start) for start in (NOVEMBER, cut)] == [0, 7]
    assert books.differences(org) == []
    # A value that the new period has counted is known there, and one that only the old had counts again.
    books.many(org, [event("t_people", user="b")])
    assert books.used(org, "t_people", cut) == 2


def test_what_was_counted_ahead_of_a_cut_moves_across_it(books: Books) -> None:
    org = books.org()
    for at in (NOW - timedelta(minutes=1), NOW + timedelta(minutes=4)):
        books.many(
            org, [event("t_sum", 5, occurred_at=at), event("t_people", user=str(at), occurred_at=at), event("t_max", 7)]
        )
    with books.transaction() as session:
        periods.lock_usage(session, org)
        books.cut(session, org, NOW)
        move_usage(session, org, NOW, NOW)
    assert [books.used(org, "t_sum", start) for start in (NOVEMBER, NOW)] == [5, 5]
    assert [books.used(org, "t_people", start) for start in (NOVEMBER, NOW)] == [1, 1]
    assert [books.used(org, "t_max", start) for start in (NOVEMBER, NOW)] == [0, 7]
    assert books.differences(org) == []


def test_the_day_on_which_midnight_comes_twice_is_one_window_from_the_first(books: Books) -> None:
    org = books.org(zone="America/Havana", t_sum={"per_day": 3}, t_count={"per_day": 9})
    first, second = datetime(2026, 11, 1, 4, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    over = books.one(org, event("t_sum", 9), first - timedelta(hours=1))
    assert (over.facts or {})["resets_at"] == "2026-11-01T04:00:00.000000Z"
    assert books.one(org, event("t_sum", 2), first).code == "recorded"
    assert books.one(org, event("t_sum", 2), second).code == "quota_exceeded"
    books.many(org, [event("t_sum", 1), event("t_count")], second)
    windows = books.run("SELECT DISTINCT starts_at FROM usage_windows WHERE org_id = %s", (org,))
    assert windows == [(midnight(date(2026, 11, 1), "America/Havana"),)]
    assert books.differences(org) == []


def test_a_change_of_zone_makes_no_difference_of_the_windows_before_it(books: Books) -> None:
    org, evening = books.org(t_sum={"per_day": 50, "per_hour": 50}), NOW.replace(hour=20)
    books.one(org, event("t_sum", 7), evening)
    books.run("UPDATE orgs SET time_zone = 'Asia/Tokyo' WHERE id = %s", (org,))
    assert books.differences(org) == []


def test_a_period_that_is_gone_leaves_its_reservations_to_the_running_one(books: Books) -> None:
    org = books.org()
    books.one(org, event("t_sum", 5))
    meter = books.meter("t_sum")
    stray = datetime(2026, 11, 20, tzinfo=UTC)
    books.run(
        "INSERT INTO usage_counters (org_id, meter_id, period_start, used, reserved) VALUES (%s, %s, %s, 9, 4)",
        (org, meter, stray),
    )
    with books.transaction() as session:
        periods.lock_usage(session, org)
        recount(session, org, NOW)
    rows = books.run("SELECT period_start, used, reserved FROM usage_counters WHERE org_id = %s", (org,))
    assert rows == [(NOVEMBER, 5, 4)]


@pytest.mark.slow
def test_staffs_totals_are_compared_and_mended(books: Books, org: UUID, app: Flask) -> None:
    day, meter = date(2026, 9, 13), books.meter("t_sum2")
    books.imported(books.org(), [event("t_sum2", 5, occurred_at=NOW.replace(month=9, day=13))])
    books.fold()
    books.run("UPDATE usage_totals SET quantity = 6, unbilled = 3 WHERE day = %s AND meter_id = %s", (day, meter))
    told = app.test_cli_runner().invoke(group, ["verify"])
    assert told.exit_code == 1
    assert "totals: t_sum2, 2026-09-13  : kept quantity 6, events 1; events say quantity 5, events 1" in told.stdout
    assert "parts of totals: t_sum2, 2026-09-13  : kept unbilled 3, " in told.stdout
    with books.transaction() as session:
        repair.repair_totals(session)
    asked = "SELECT DISTINCT quantity, unbilled FROM usage_totals WHERE day = %s AND meter_id = %s"
    assert books.run(asked, (day, meter)) == [(5, 5)]


def test_the_command_mends_an_org_and_counts_what_it_checked(books: Books, org: UUID, app: Flask) -> None:
    runner = app.test_cli_runner()
    books.run("UPDATE usage_counters SET used = used + 1 WHERE org_id = %s", (org,))
    books.run("UPDATE usage_months SET quantity = 0 WHERE org_id = %s", (org,))
    command = ["verify", "--org", str(org), "--json"]
    told = runner.invoke(group, command)
    assert told.exit_code == 1
    assert {each["check"] for each in json.loads(told.stdout)["differences"]} == {"counters", "months"}
    done = runner.invoke(group, [*command, "--repair"])
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["mended"], facts["differences"]) == (0, 1, [])
    assert (facts["checked"]["counters"], facts["checked"]["keys"]) == (5, 9)
