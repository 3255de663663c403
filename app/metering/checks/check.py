"""May it be used, and what would it cost: answers from the same rows as the write, and reserves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.kit.errors import Unavailable
from app.kit.money import ZERO
from app.kit.pool import HotPool
from app.metering.checks.price import ONE, currency_of, priced
from app.metering.checks.rows import CheckInput, Row, read
from app.metering.recording.recorder import UsageRecorder


class Answer(NamedTuple):
    """Whether `requested` more fit. `limit` and what belongs to it are None where nothing limits the meter.

    `span` says whose limit it is: period, minute, hour or day. `price` is what the requested quantity would add to
    the bill and `next_unit` what one unit would, in major units of `currency`, exact, an estimate until closed; None
    where no plan's currency is known.
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


def check(meterer: UsageRecorder, org_id: UUID, asked: Sequence[tuple[str, Decimal]], *, now: datetime) -> list[Answer]:
    """Answer each (meter, quantity) apart from the others, in order; opens the org's period when that is due.

    An unknown meter is not allowed, with the reason `unknown_meter`. Raises `Unavailable` when the database is away.
    """
    questions = [CheckInput(org_id, now, meter, quantity) for meter, quantity in asked]
    for _ in range(3):
        rows = read(meterer.pool, questions)
        if rows[0].starts_at is not None:
            currency = currency_of(meterer.pool, org_id, rows[0].plan_version_id, now)
            return [_answer(meterer.pool, row, *each, currency) for row, each in zip(rows, asked, strict=True)]
        meterer.open_period(org_id, now, now)
    raise Unavailable("The usage period could not be opened. Nothing was done; send it again.")


def _answer(pool: HotPool, row: Row, meter: str, quantity: Decimal, currency: str) -> Answer:
    if row.meter_id is None:
        return Answer(meter, allowed=False, reason="unknown_meter", requested=quantity)
    delta = ONE if row.aggregation == "count" and quantity else quantity
    total = quantity if row.aggregation == "max" else row.used + row.reserved + delta
    over = row.cap is not None and delta > 0 and total > row.cap
    unit, amount = priced(pool, row, delta, currency)
    span, limit, used, reserved, resets_at = "period", row.cap, row.used, row.reserved, row.ends_at
    if row.window_over is not None and not over:
        over = True
        span, limit, used, resets_at = _window(row.window_over)
        reserved = ZERO  # what is reserved is of the period: windows count what was recorded
    return Answer(
        meter, not over, "quota_exceeded" if over else None, quantity, row.policy, row.allowance, span, limit, used,
        reserved, None if limit is None else max(limit - used - reserved, ZERO), resets_at,
        currency, amount, unit,
    )  # fmt: skip


def _window(facts: Mapping[str, Any]) -> tuple[str, Decimal, Decimal, datetime]:
    resets_at = datetime.fromisoformat(facts["resets_at"])
    return facts["span"], Decimal(facts["limit"]), Decimal(facts["used"]), resets_at
