"""What staff see of all organisations: histograms by day, and who was active."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import NOW, Sql

TODAY = date(2026, 11, 21)
ANSWERED = {"status_code": 404, "response_ms": 9, "file_bytes": 10_001}
PACKED = (10**12, 10 ** (12 * 5), 10 ** (12 * 2))


@pytest.mark.parametrize("upto", [0, 11, 99])
def test_usage_total_histograms_are_true_wherever_the_mark_is(sql: Sql, upto: int) -> None:
    meter, _ = sql.meter()
    for org, more in ((sql.org(), {"endpoint": "/x"}), (sql.org(), {})):
        sql.event(org, meter, 2, tx=10, **ANSWERED, **more)
    sql.event(org, meter, 2, tx=20, occurred_at=NOW - timedelta(days=1))  # without a status, time or file
    sql.rows("UPDATE rollup_state SET upto = %s, floor_seq = 0, cluster = database_cluster()", upto)
    sql.rows("SELECT rollup_rebuild_totals()")
    asked = "SELECT day, value, responses, latency, sizes FROM usage_total_histograms(%s, %s, %s) WHERE meter_id = %s"
    span = (TODAY - timedelta(days=1), TODAY)
    assert sql.rows(asked, *span, "", meter) == [(TODAY, "", *(2 * figure for figure in PACKED))]
    assert sql.rows(asked, *span, "endpoint", meter) == [(TODAY, "/x", *PACKED)]
    assert sql.rows(asked, *span, "hour", meter) == [(TODAY, "12", *(2 * figure for figure in PACKED))]
    assert sql.rows(asked, span[0], span[0], "", meter) == []


def active(sql: Sql, *arguments: Any) -> list[tuple[Any, ...]]:
    return sql.rows("SELECT * FROM usage_active(%s, %s, %s, %s) ORDER BY starts_on NULLS FIRST", *arguments)


def note(sql: Sql, *triples: tuple[UUID, UUID, date]) -> None:
    sql.rows("SELECT rollup_add_active(%s, %s, %s)", *(list(each) for each in zip(*triples, strict=True)))


def test_usage_active_counts_each_org_and_user_once(sql: Sql) -> None:
    day, (one, other), (ada, bob) = date(2031, 5, 6), (sql.org(), sql.org()), (uuid4(), uuid4())
    after = day + timedelta(days=1)
    note(sql, (one, one, day), (one, ada, day), (one, bob, day), (other, other, day), (one, ada, day))
    note(sql, (one, one, after), (one, ada, after), (one, one, day))
    assert active(sql, "day", day, after, None) == [(None, 2, 2), (day, 2, 2), (after, 1, 1)]
    assert active(sql, "day", after, after, None) == [(None, 1, 1), (after, 1, 1)]
    assert active(sql, "month", day, after, None) == [(None, 2, 2), (day.replace(day=1), 2, 2)]
    assert active(sql, "day", date(2031, 1, 1), date(2031, 1, 2), None) == [(None, 0, 0)]


def counts(sql: Sql, orgs: list[UUID]) -> list[tuple[Any, ...]]:
    return sorted(sql.rows("SELECT * FROM rollup_active_counts(%s)", orgs))


@pytest.mark.parametrize("seed", range(6))
def test_any_range_counts_whoever_was_active_in_it_once(sql: Sql, seed: int) -> None:
    """In whatever order days become known, a few at once; ranges across months, years and long gaps."""
    chance, first, orgs = random.Random(seed), date(2031, 11, 20), [sql.org() for _ in range(3)]
    known: set[tuple[UUID, UUID, date]] = set()
    for _ in range(12):
        org, subject = chance.choice(orgs), chance.choice([None, UUID(int=1), UUID(int=2)])
        days = [first + timedelta(days=chance.choice([0, 1, 2, 15, 29, 30, 31, 32, 40, 75, 400])) for _ in range(3)]
        fresh = [(org, subject or org, day + timedelta(days=chance.randrange(3))) for day in days]
        note(sql, *fresh)
        known |= set(fresh)
    kept = sql.rows("SELECT * FROM usage_active_counts WHERE active <> 0 AND starts_on > '2031-01-01'")
    assert sorted(kept) == counts(sql, orgs)
    for bucket, span in (("day", 0), ("day", 1), ("day", 30), ("month", 40), ("month", 800)):
        for _ in range(8):
            start = first + timedelta(days=chance.randrange(-5, 90))
            end = start + timedelta(days=span)
            low = start if bucket == "day" else start.replace(day=1)
            high = end if bucket == "day" else (end.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(1)
            seen = {(org, subject) for org, subject, day in known if low <= day <= high}
            expected = (None, sum(a == b for a, b in seen), sum(a != b for a, b in seen))
            assert active(sql, bucket, start, end, None)[0] == expected


def test_active_months_are_folded_and_rebuilt_alike(sql: Sql) -> None:
    org, meter, user, above = sql.org(), sql.meter()[0], uuid4(), 2**62
    sql.event(org, meter, tx=above, subject_id=user)
    sql.event(org, meter, tx=above, subject_id=user, occurred_at=NOW - timedelta(days=2))
    sql.event(org, meter, tx=above, occurred_at=NOW - timedelta(days=25))
    free = {"source": "job", "billable": False, "billing_reason": "retry"}
    sql.event(org, meter, tx=above, occurred_at=NOW - timedelta(days=3), **free)  # does not count
    sql.value("SELECT rollup_fold_span(ROW('orgs', %s, 0, 'c', NULL)::rollup_state, %s)", above, above + 1)
    asked = "SELECT subject_id, month, days FROM usage_active_months WHERE org_id = %s ORDER BY subject_id = %s, 2"
    november, days = date(2026, 11, 1), 1 << 20 | 1 << 18
    kept = [(user, november, days), (org, date(2026, 10, 1), 1 << 26), (org, november, days)]
    assert sql.rows(asked, org, org) == kept
    found = sql.rows("SELECT subject_id, month, days FROM usage_active_figures(%s, %s, 0)", [org], above + 1)
    assert sorted(found) == sorted(kept)
    before = sorted(sql.rows("SELECT * FROM usage_active_counts"))
    sql.rows("UPDATE rollup_state SET upto = %s, floor_seq = 0, cluster = database_cluster()", above + 1)
    sql.rows("SELECT rollup_rebuild(%s)", [org])
    assert sql.rows(asked, org, org) == kept
    assert sorted(sql.rows("SELECT * FROM usage_active_counts")) == before
    sql.rows("SELECT rollup_add_active_counts(%s, -1)", [org])
    sql.rows("SELECT rollup_add_active_counts(%s, 1)", [org])
    assert sorted(sql.rows("SELECT * FROM usage_active_counts")) == before


@pytest.mark.parametrize(
    ("bucket", "day", "place", "gap"), [("day", date(2000, 2, 1), 31, 31), ("month", date(2000, 2, 9), 24002, 63)]
)
def test_a_gap_is_no_longer_than_reports_are(sql: Sql, bucket: str, day: date, place: int, gap: int) -> None:
    assert sql.value("SELECT usage_place(%s, %s)", bucket, day) == place
    asked = "SELECT usage_active_gap(%s, %s)"
    assert [sql.value(asked, bucket, distance) for distance in (1, gap, gap + 1, None)] == [1, gap, gap, gap]


def test_usage_active_of_a_plan_counts_its_orgs(sql: Sql) -> None:
    day, plan, version, org = date(2031, 5, 6), uuid4(), uuid4(), sql.org()
    meter, _ = sql.meter()
    sql.insert("plans", id=plan, key="active_plan", name="Plan", summary="", public=False, is_default=False, position=0)
    sql.insert("plan_versions", id=version, plan_id=plan, number=1, content_hash=b"x" * 32)
    sql.rows("INSERT INTO rollup_orgs VALUES (%s, 'UTC', false) ON CONFLICT DO NOTHING", org)
    for named in (version, uuid4()):
        row = {"org_id": org, "dimension": "plan", "meter_id": meter, "value": str(named), "quantity": 1, "events": 1}
        sql.insert("usage_days", day=day, **row)
    assert active(sql, "day", day, day, "active_plan") == [(None, 1, None), (day, 1, None)]
    assert active(sql, "day", day, day, "another") == [(None, 0, None)]
