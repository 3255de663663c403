"""Loads the rows for limit checks. Concurrent checks share one statement."""

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
from app.metering.pg_arrays import encode_plain, encode_texts

_COLUMNS = """
SELECT starts_at, meter_id, aggregation, ends_at, plan_version_id, policy, allowance, cap, used, reserved, unbilled,
       exceeded_window
"""
_ONE = HotStatement(_COLUMNS + "FROM usage_check_one(%s, %s, %s, %s)")
_MANY = HotStatement(_COLUMNS + "FROM usage_check_many(%s, %s, %s, %s)")


class CheckInput(NamedTuple):
    """A quantity of a meter to check for an org at an instant."""

    org_id: UUID
    now: datetime
    meter: str
    quantity: Decimal


class CheckRow(NamedTuple):
    """The SQL function's result for one input. `starts_at` is None when no period is open, `meter_id` when the meter is
    unknown. `exceeded_window` describes the first window that would be exceeded.
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
    exceeded_window: dict[str, Any] | None


_coalescers: WeakKeyDictionary[HotPool, QueryCoalescer[Sequence[CheckInput], list[CheckRow]]] = WeakKeyDictionary()


def load_rows(pool: HotPool, inputs: Sequence[CheckInput]) -> list[CheckRow]:
    """Load one row per input, in order. Raises `Unavailable` when the database is unreachable."""
    coalescer = _coalescers.get(pool)
    if coalescer is None:
        coalescer = _coalescers.setdefault(pool, QueryCoalescer(partial(_load_rows, pool)))
    return coalescer.run(inputs)


def _load_rows(pool: HotPool, batches: Sequence[Sequence[CheckInput]]) -> list[list[CheckRow]]:
    """Load the rows for several callers with one statement."""
    flat = [check_input for inputs in batches for check_input in inputs]
    if len(flat) == 1:
        org_id, now, meter, quantity = flat[0]
        return [[CheckRow(*row) for row in pool.rows(_ONE, (org_id, now, meter, plain(quantity)))]]
    orgs, nows, meters, quantities = zip(*flat, strict=True)
    ids, times = encode_plain(map(str, orgs)), encode_plain(map(datetime.isoformat, nows))
    answers = pool.rows(_MANY, (ids, times, encode_texts(meters), encode_plain(map(plain, quantities))))
    rows = (CheckRow(*row) for row in answers)
    return [list(islice(rows, len(inputs))) for inputs in batches]
