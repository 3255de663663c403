"""What a quantity would cost, as a check tells it: from the plan's charges, read once, and the org's currency."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.kit.money import ZERO, exponent, to_major
from app.kit.pool import HotPool
from app.metering.checks.rows import Row
from app.rating import Charge, marginal, price
from app.rating.schemas import parse_charge

ONE = Decimal(1)

_CURRENCY = "SELECT currency_in_force(%s, %s, %s)"
_CHARGES = "SELECT meter_id, currency, model, properties FROM catalog_charges WHERE plan_version_id = %s"
_MOST_KEPT = 1000
_MOST_ORGS = 50_000
# A price asked for beforehand may be told in the currency of some seconds ago; only staff or a payment change it.
_CURRENCY_SECONDS = 5.0

# A published version never changes, so what was read of it stays true; a new version has a new id.
_charges: dict[UUID, dict[tuple[int | None, str], Charge]] = {}
_currencies: dict[tuple[UUID, UUID], tuple[float, str]] = {}


def priced(pool: HotPool, row: Row, quantity: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """What the next unit and the requested quantity would cost: nothing within the allowance, nor under `block`."""
    used = row.used - row.unbilled
    within = row.allowance is None or used + max(quantity, ONE) <= row.allowance
    if row.policy != "charge" or within:
        return ZERO, ZERO
    charge = _charges_of(pool, row).get((row.meter_id, currency))
    if charge is None:
        return ZERO, ZERO
    after = max(used, quantity) if row.aggregation == "max" else used + quantity
    places = exponent(currency)
    amount = price(charge, after, row.allowance).amount - price(charge, used, row.allowance).amount
    return to_major(marginal(charge, used, row.allowance), places), to_major(amount, places)


def currency_of(pool: HotPool, org_id: UUID, version_id: UUID, now: datetime) -> str:
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


def _charges_of(pool: HotPool, row: Row) -> dict[tuple[int | None, str], Charge]:
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
