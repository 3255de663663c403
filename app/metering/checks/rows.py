"""What a check reads: one statement, shared by all who ask at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from app.kit.hot_statement import HotStatement
from app.kit.money import plain
from app.kit.pool import HotPool
from app.kit.query_coalescer import QueryCoalescer
from app.metering.recording.pg_arrays import plain_array, texts

_COLUMNS = """
SELECT starts_at, meter_id, aggregation, ends_at, plan_version_id, policy, allowance, cap, used, reserved, unbilled,
       window_over
"""
_ONE = HotStatement(_COLUMNS + "FROM usage_check_one(%s, %s, %s, %s)")
_MANY = HotStatement(_COLUMNS + "FROM usage_check_many(%s, %s, %s, %s)")


class CheckInput(NamedTuple):
    """May the org use so much of the meter at that instant?"""

    org_id: UUID
    now: datetime
    meter: str
    quantity: Decimal


class Row(NamedTuple):
    """What the SQL call answers to one question: without `starts_at` no period is open, without `meter_id` there is no
    such meter; `window_over` holds the facts of the first window that would be full.
    """

    starts_at: datetime | None
    meter_id: int | None
    aggregation: str
    ends_at: datetime
    plan_version_id: UUID
    policy: str | None
    allowance: Decimal | None
    cap: Decimal | None
    used: Decimal
    reserved: Decimal
    unbilled: Decimal
    window_over: dict[str, Any] | None


_trips: WeakKeyDictionary[HotPool, QueryCoalescer[Sequence[CheckInput], list[Row]]] = WeakKeyDictionary()


def read(pool: HotPool, asked: Sequence[CheckInput]) -> list[Row]:
    """A row for each question, in order. Raises `Unavailable` when the database is away."""
    trips = _trips.get(pool)
    if trips is None:
        trips = _trips.setdefault(pool, QueryCoalescer(partial(_read, pool)))
    return trips.ask(asked)


def _read(pool: HotPool, asked: Sequence[Sequence[CheckInput]]) -> list[list[Row]]:
    """The rows of each asker's questions, from one statement."""
    flat = [question for questions in asked for question in questions]
    if len(flat) == 1:
        org_id, now, meter, quantity = flat[0]
        return [[Row(*row) for row in pool.rows(_ONE, (org_id, now, meter, plain(quantity)))]]
    orgs, nows, meters, quantities = zip(*flat, strict=True)
    ids, times = plain_array(map(str, orgs)), plain_array(map(datetime.isoformat, nows))
    found = pool.rows(_MANY, (ids, times, texts(meters), plain_array(map(plain, quantities))))
    rows = (Row(*row) for row in found)
    return [list(islice(rows, len(questions))) for questions in asked]
