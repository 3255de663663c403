"""Checks whether usage would be allowed and what it would cost, from the rows that recording uses. Reserves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.kit.errors import Unavailable
from app.kit.money import ZERO
from app.kit.postgres.pool import HotPool
from app.metering.checks.price import estimate_cost
from app.metering.checks.rows import CheckInput, CheckRow, load_rows
from app.metering.recorder import UsageRecorder


class CheckResult(NamedTuple):
    """Whether `requested` more units fit. `limit` and `remaining` are None when nothing limits the meter.

    `span` is the span of the limit: period, minute, hour or day. `price` is what the requested quantity would add to
    the bill, `next_unit` what one more unit would: exact, in major units of `currency`; estimates until the period
    closes; None when no plan's currency is known.
    """

    meter: str
    allowed: bool
    reason: str | None
    requested: Decimal
    policy: str | None = None
    allowance: Decimal | None = None
    span: str = "period"
    limit: Decimal | None = None
    used: Decimal = ZERO
    reserved: Decimal = ZERO
    remaining: Decimal | None = None
    resets_at: datetime | None = None
    currency: str | None = None
    price: Decimal | None = None
    next_unit: Decimal | None = None


class UsageQuestion(NamedTuple):
    """A quantity of a meter, and, for a `unique` meter, JSON with the field that it counts: {"user": "u1"}."""

    meter: str
    quantity: Decimal
    named: str | None = None


def check_limits(
    recorder: UsageRecorder, org_id: UUID, questions: Sequence[UsageQuestion], *, now: datetime
) -> list[CheckResult]:
    """Check quantities independently, in order. Resolves the org's terms if they are due.

    An unknown meter is refused with the reason `unknown_meter`. Raises `Unavailable` when the database is unreachable.
    """
    inputs = [CheckInput(org_id, now, *question) for question in questions]
    for _ in range(3):
        rows = load_rows(recorder.pool, inputs)
        if all(row.resolved or row.meter_id is None for row in rows):
            return [_check(recorder.pool, row, asked) for row, asked in zip(rows, questions, strict=True)]
        recorder.resolve_terms(org_id, now, now)
    raise Unavailable("The usage period could not be opened. Nothing was changed; please try again.")


def _check(pool: HotPool, row: CheckRow, asked: UsageQuestion) -> CheckResult:
    meter, quantity, _ = asked
    if row.meter_id is None:
        return CheckResult(meter, allowed=False, reason="unknown_meter", requested=quantity)
    delta = row.delta
    total = quantity if row.aggregation == "max" else row.used + row.reserved + delta
    over = row.cap is not None and delta > 0 and total > row.cap
    unit, amount = estimate_cost(pool, row, delta)
    span, limit, used, reserved, resets_at = "period", row.cap, row.used, row.reserved, row.ends_at
    if row.exceeded_window is not None and not over:
        over = True
        span, limit, used, resets_at = _window(row.exceeded_window)
        reserved = ZERO  # reservations count towards the period only; windows count recorded usage
    return CheckResult(
        meter, not over, "quota_exceeded" if over else None, quantity, row.policy, row.allowance, span, limit, used,
        reserved, None if limit is None else max(limit - used - reserved, ZERO), resets_at,
        row.currency, amount, unit,
    )  # fmt: skip


def _window(facts: Mapping[str, Any]) -> tuple[str, Decimal, Decimal, datetime]:
    resets_at = datetime.fromisoformat(facts["resets_at"])
    return facts["span"], Decimal(facts["limit"]), Decimal(facts["used"]), resets_at
