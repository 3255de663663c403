"""Estimates what a quantity would cost, from the plan's cached charges and the org's currency."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.kit.money import ZERO, exponent, to_major
from app.kit.pool import HotPool
from app.metering.checks.rows import CheckRow
from app.rating import Charge, marginal_price, price
from app.rating.schemas import parse_charge

ONE = Decimal(1)

_CURRENCY = "SELECT currency_in_force(%s, %s, %s)"
_CHARGES = "SELECT meter_id, currency, model, properties FROM catalog_charges WHERE plan_version_id = %s"
_MOST_KEPT = 1000
_MOST_ORGS = 50_000
# An estimate may use a currency that is a few seconds old: only staff or a payment change it.
_CURRENCY_SECONDS = 5.0

# Published versions never change, so their charges are cached for good; a new version has a new id.
_charges: dict[UUID, dict[tuple[int | None, str], Charge]] = {}
_currencies: dict[tuple[UUID, UUID], tuple[float, str]] = {}


def estimate_cost(pool: HotPool, row: CheckRow, quantity: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """Return the cost of the next unit and of the requested quantity: zero within the allowance or without `charge`."""
    used = row.used - row.unbilled
    within = row.allowance is None or used + max(quantity, ONE) <= row.allowance
    if row.policy != "charge" or within:
        return ZERO, ZERO
    charge = _get_charges(pool, row).get((row.meter_id, currency))
    if charge is None:
        return ZERO, ZERO
    after = max(used, quantity) if row.aggregation == "max" else used + quantity
    places = exponent(currency)
    amount = price(charge, after, row.allowance).amount - price(charge, used, row.allowance).amount
    return to_major(marginal_price(charge, used, row.allowance), places), to_major(amount, places)


def get_currency(pool: HotPool, org_id: UUID, version_id: UUID, now: datetime) -> str:
    """The currency in which the org's usage of a plan version is priced, cached for five seconds."""
    read_at = time.monotonic()
    cached = _currencies.get((org_id, version_id))
    if cached is not None and read_at - cached[0] < _CURRENCY_SECONDS:
        return cached[1]
    with pool.connection() as connection:
        row = connection.execute(_CURRENCY, (org_id, version_id, now)).fetchone()
    currency = str(row[0]) if row else "USD"
    if len(_currencies) >= _MOST_ORGS:
        _currencies.clear()
    _currencies[org_id, version_id] = (read_at, currency)
    return currency


def _get_charges(pool: HotPool, row: CheckRow) -> dict[tuple[int | None, str], Charge]:
    """The usage charges of the row's plan version by meter and currency, loaded once per process."""
    charges = _charges.get(row.plan_version_id)
    if charges is None:
        with pool.connection() as connection:
            rows = connection.execute(_CHARGES, (row.plan_version_id,)).fetchall()
        charges = {
            (meter_id, currency): parse_charge(model, properties, exponent(currency))
            for meter_id, currency, model, properties in rows
        }
        if len(_charges) >= _MOST_KEPT:
            _charges.clear()
        _charges[row.plan_version_id] = charges
    return charges
