"""`usage_line_events` and `usage_was_seen`: what a line counts of a period's events, and why not the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import MONTHS, NOW, Sql

CALL = ("SELECT quantity, amount, item, standing FROM usage_line_events(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ORDER BY quantity DESC, standing")  # fmt: skip
ALL, NONE = "1000000000000:1000000000000:", "4:4:"


def called(sql: Sql, org: UUID, meter: int, seen: str = ALL, before: str | None = None, most: int | None = None,
           after: tuple[Any, Any] = (None, None)) -> list[tuple[Any, ...]]:  # fmt: skip
    marks = (seen, NOW, before, NOW if before else None)
    return [tuple(row) for row in sql.rows(CALL, org, meter, MONTHS[1], MONTHS[2], *marks, *after, most)]


@pytest.mark.parametrize(
    ("aggregation", "amounts"), [("sum", (5, 3)), ("count", (1, 1)), ("max", (5, 3)), ("unique", (0, 0))]
)
def test_usage_line_events_says_what_each_event_adds(sql: Sql, aggregation: str, amounts: tuple[int, int]) -> None:
    org = sql.org()
    meter, _ = sql.meter(aggregation, "kind" if aggregation == "unique" else None)
    sql.event(org, meter, 5, kind="a")
    sql.event(org, meter, 3, kind="b")
    items = ("a", "b") if aggregation == "unique" else (None, None)
    assert called(sql, org, meter) == [(5, amounts[0], items[0], "counted"), (3, amounts[1], items[1], "counted")]


def test_usage_line_events_names_the_reason_of_what_is_not_counted(sql: Sql) -> None:
    org, key = sql.org(), uuid4()
    meter, _ = sql.meter()
    sql.event(org, meter, 9, key=key)
    sql.event(org, meter, -9, reverses=key, source="void")
    sql.event(org, meter, 7, billable=False, source="import")
    sql.event(org, meter, 6, billable=False)
    sql.event(org, meter, 5)
    sql.event(org, meter, 4, occurred_at=MONTHS[2])
    assert [(row[0], row[3]) for row in called(sql, org, meter)] == [
        (9, "voided"), (7, "imported"), (6, "unbillable"), (5, "counted"), (-9, "voided"),
    ]  # fmt: skip
    assert {row[3] for row in called(sql, org, meter, seen=NONE)} == {"later"}
    assert {row[3] for row in called(sql, org, meter, before=ALL)} == {"earlier"}


def test_usage_line_events_goes_on_after_a_position(sql: Sql) -> None:
    org, keys = sql.org(), sorted(uuid4() for _ in range(3))
    meter, _ = sql.meter()
    for number, key in enumerate(keys):
        sql.event(org, meter, 3 - number, key=key)
    assert [row[0] for row in called(sql, org, meter, most=2)] == [3, 2]
    assert [row[0] for row in called(sql, org, meter, most=2, after=(NOW, keys[1]))] == [1]


@pytest.mark.parametrize(
    ("tx", "recorded", "seen", "expected"),
    [
        (90, 0, "100:120:110", True),
        (110, 0, "100:120:110", False),
        (111, 0, "100:120:110", True),
        (120, 0, "100:120:110", False),
        (90, 2, "100:120:110", False),  # recorded two hours later: another cluster's id
        (90, 0, None, False),
    ],
)
def test_usage_was_seen_is_what_the_snapshot_saw(sql: Sql, tx: int, recorded: int, seen: str, expected: bool) -> None:
    at = NOW + timedelta(hours=recorded)
    assert sql.value("SELECT usage_was_seen(%s, %s, %s, %s)", tx, at, seen, NOW) is expected
