"""Loads the rows for limit checks: one statement for all checks of a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.kit.money import plain
from app.kit.postgres.arrays import encode_plain
from app.kit.postgres.hot_statement import HotStatement
from app.kit.postgres.pool import HotPool
from app.metering.pg_arrays import encode_json, encode_texts

_COLUMNS = """
SELECT resolved, meter_id, aggregation, ends_at, currency, charge_id, policy, allowance, cap, used, reserved, delta,
       exceeded_window
"""
_ONE = HotStatement(_COLUMNS + "FROM usage_check_one(%s, %s, %s, %s, %s)")
_MANY = HotStatement(_COLUMNS + "FROM usage_check_many(%s, %s, %s, %s, %s)")


class CheckInput(NamedTuple):
    """A quantity to check for an org at an instant; `named` is JSON with the fields that a `unique` meter counts."""

    org_id: UUID
    now: datetime
    meter: str
    quantity: Decimal
    named: str | None = None


class CheckRow(NamedTuple):
    """The SQL function's result for one input.

    `meter_id` is None when the meter is unknown; `resolved` is false when its terms have to be resolved first.
    `charge_id` names what usage above the allowance costs; None: nothing. `exceeded_window` describes the first window
    that would be exceeded.
    """

    resolved: bool
    meter_id: int | None
    aggregation: str
    ends_at: datetime
    currency: str | None
    charge_id: UUID | None
    policy: str | None
    allowance: Decimal | None
    cap: Decimal | None
    used: Decimal
    reserved: Decimal
    delta: Decimal
    exceeded_window: dict[str, Any] | None


def load_rows(pool: HotPool, inputs: Sequence[CheckInput]) -> list[CheckRow]:
    """Load one row per input, in order, in one statement. Raises `Unavailable` when the database is unreachable."""
    if len(inputs) == 1:
        org_id, now, meter, quantity, named = inputs[0]
        return [CheckRow(*row) for row in pool.rows(_ONE, (org_id, now, meter, plain(quantity), named))]
    orgs, nows, meters, quantities, fields = zip(*inputs, strict=True)
    ids, times = encode_plain(map(str, orgs)), encode_plain(map(datetime.isoformat, nows))
    arguments = (ids, times, encode_texts(meters), encode_plain(map(plain, quantities)), encode_json(fields))
    return [CheckRow(*row) for row in pool.rows(_MANY, arguments)]
