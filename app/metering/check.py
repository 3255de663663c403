"""May it be used, and what would it cost: answers from the same rows as the write, and reserves nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.kit.errors import Unavailable
from app.kit.hot_statement import HotStatement
from app.kit.money import ZERO, exponent, plain, to_major
from app.kit.pool import HotPool
from app.metering.columns import plain_array, texts
from app.metering.hot import Meterer
from app.rating import Charge, marginal, price
from app.rating.schemas import parse_charge

ONE = Decimal(1)

_COLUMNS = """
SELECT starts_at, meter_id, aggregation, ends_at, plan_version_id, policy, allowance, cap, used, reserved, unbilled,
       window_over
"""
_CHECK = HotStatement(_COLUMNS + "FROM usage_check(%s, %s, %s, %s)")
_CHECK_ALL = HotStatement(_COLUMNS + "FROM usage_check_all(%s, %s, %s, %s)")
_CURRENCY = "SELECT currency_in_force(%s, %s, %s)"
_CHARGES = "SELECT meter_id, currency, model, properties FROM plan_charges WHERE plan_version_id = %s"
_MOST_KEPT = 1000
_MOST_ORGS = 50_000
# A price asked for beforehand may be told in the currency of some seconds ago; only staff or a payment change it.
_CURRENCY_SECONDS = 5.0

# A published version never changes, so what was read of it stays true; a new version has a new id.
_charges: dict[UUID, dict[tuple[int | None, str], Charge]] = {}
_currencies: dict[tuple[UUID, UUID], tuple[float, str]] = {}


class _Row(NamedTuple):
    """What the SQL call answers to one question; without `meter_id` there is no such meter."""

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


def check(meterer: Meterer, org_id: UUID, asked: Sequence[tuple[str, Decimal]], *, now: datetime) -> list[Answer]:
    """Answer each (meter, quantity) apart from the others, in order; opens the org's period when that is due.

    An unknown meter is not allowed, with the reason `unknown_meter`. Raises `Unavailable` when the database is away.
    """
    statement, arguments = _CHECK_ALL, (texts([meter for meter, _ in asked]), plain_array([plain(q) for _, q in asked]))
    if len(asked) == 1:
        statement, arguments = _CHECK, (asked[0][0], plain(asked[0][1]))
    for _ in range(3):
        rows = meterer.pool.rows(statement, (org_id, now, *arguments))
        if rows[0][0] is not None:
            pairs = zip(rows, asked, strict=True)
            currency = _currency_of(meterer.pool, org_id, rows[0][4], now)
            return [_answer(meterer.pool, _Row(*row[1:]), *each, currency) for row, each in pairs]
        meterer.open_period(org_id, now, now)
    raise Unavailable("The usage period could not be opened. Nothing was done; send it again.")


def _answer(pool: HotPool, row: _Row, meter: str, quantity: Decimal, currency: str) -> Answer:
    if row.meter_id is None:
        return Answer(meter, allowed=False, reason="unknown_meter", requested=quantity)
    delta = ONE if row.aggregation == "count" and quantity else quantity
    total = quantity if row.aggregation == "max" else row.used + row.reserved + delta
    over = row.cap is not None and delta > 0 and total > row.cap
    unit, amount = _priced(pool, row, delta, currency)
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


def _priced(pool: HotPool, row: _Row, quantity: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """What the next unit and the requested quantity would cost: nothing within the allowance, nor under `block`."""
    charge = _charges_of(pool, row).get((row.meter_id, currency))
    used = row.used - row.unbilled
    within = row.allowance is None or used + max(quantity, ONE) <= row.allowance
    if charge is None or row.policy != "charge" or within:
        return ZERO, ZERO
    after = max(used, quantity) if row.aggregation == "max" else used + quantity
    places = exponent(currency)
    amount = price(charge, after, row.allowance).amount - price(charge, used, row.allowance).amount
    return to_major(marginal(charge, used, row.allowance), places), to_major(amount, places)


def _currency_of(pool: HotPool, org_id: UUID, version_id: UUID, now: datetime) -> str:
    """What the org's usage of the plan version is priced in, at most five seconds old."""
    read_at = time.monotonic()
    known = _currencies.get((org_id, version_id))
    if known is not None and read_at - known[0] < _CURRENCY_SECONDS:
        return known[1]
    with pool.connection() as connection:
        found = connection.execute(_CURRENCY, (org_id, version_id, now)).fetchone()
    currency = str(found[0]) if found else "USD"
    if len(_currencies) >= _MOST_ORGS:
        _currencies.clear()
    _currencies[org_id, version_id] = (read_at, currency)
    return currency


def _charges_of(pool: HotPool, row: _Row) -> dict[tuple[int | None, str], Charge]:
    """The usage charges of the row's plan version by meter and currency, read once a process."""
    known = _charges.get(row.plan_version_id)
    if known is None:
        with pool.connection() as connection:
            rows = connection.execute(_CHARGES, (row.plan_version_id,)).fetchall()
        known = {
            (meter_id, currency): parse_charge(model, properties, exponent(currency))
            for meter_id, currency, model, properties in rows
        }
        if len(_charges) >= _MOST_KEPT:
            _charges.clear()
        _charges[row.plan_version_id] = known
    return known
