"""What staff see of all organisations: histograms by day, and who was active."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

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


def test_usage_active_counts_each_org_and_user_once(sql: Sql) -> None:
    day, version = date(2031, 5, 6), str(uuid4())
    one, other = sql.org(), sql.org()
    meters = [sql.meter()[0], sql.meter()[0]]
    ada, bob = str(uuid4()), str(uuid4())
    for org, dimension, value, at in (
        (one, "", "", day), (one, "user", ada, day), (one, "user", bob, day), (other, "", "", day),
        (one, "", "", day + timedelta(days=1)), (one, "user", ada, day + timedelta(days=1)),
        (one, "plan", version, day),
    ):  # fmt: skip
        for meter in meters:
            row = {"org_id": org, "dimension": dimension, "meter_id": meter, "value": value, "quantity": 1, "events": 1}
            sql.insert("usage_days", day=at, **row)
            if at == day:
                sql.insert("usage_months", month=day.replace(day=1), **row)
    for org in (one, other):
        sql.rows("INSERT INTO rollup_orgs VALUES (%s, 'UTC', false) ON CONFLICT DO NOTHING", org)
    after = day + timedelta(days=1)
    assert active(sql, "day", day, after, None) == [(None, 2, 2), (day, 2, 2), (after, 1, 1)]
    assert active(sql, "day", after, after, None) == [(None, 1, 1), (after, 1, 1)]
    assert active(sql, "month", day, after, None) == [(None, 2, 2), (day.replace(day=1), 2, 2)]
    assert active(sql, "day", date(2031, 1, 1), date(2031, 1, 2), None) == [(None, 0, 0)]


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
