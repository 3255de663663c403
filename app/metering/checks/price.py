"""Estimates what a quantity would cost by the charge that the meter's terms name."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from app.kit.money import ZERO, exponent, to_major
from app.kit.postgres.pool import HotPool
from app.metering.checks.rows import CheckRow
from app.rating import Charge, marginal_price, price
from app.rating.schemas import parse_charge

ONE = Decimal(1)

_CHARGE = "SELECT model, properties, currency FROM subscriptions_charges WHERE id = %s"
_MOST_KEPT = 10_000


class _Charges(dict[UUID, Charge]):
    """The charges loaded so far."""

    def __init__(self, _pool: HotPool) -> None:
        super().__init__()


def estimate_cost(pool: HotPool, row: CheckRow, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Return the cost of the next unit and of the requested quantity: zero within the allowance or without a charge."""
    used = row.used
    within = row.allowance is None or used + max(quantity, ONE) <= row.allowance
    if row.charge_id is None or within:
        return ZERO, ZERO
    charge, places = _get_charge(pool, row.charge_id), exponent(row.currency or "USD")
    after = max(used, quantity) if row.aggregation == "max" else used + quantity
    amount = price(charge, after, row.allowance).amount - price(charge, used, row.allowance).amount
    return to_major(marginal_price(charge, used, row.allowance), places), to_major(amount, places)


def _get_charge(pool: HotPool, charge_id: UUID) -> Charge:
    """A charge, loaded once per process: it never changes, and another price has another id."""
    charges = pool.shared(_Charges)
    charge = charges.get(charge_id)
    if charge is None:
        with pool.connection() as connection:
            row = connection.execute(_CHARGE, (charge_id,)).fetchone()
        if row is None:
            raise RuntimeError(f"terms name charge {charge_id}, which does not exist")
        model, properties, currency = row
        charge = parse_charge(model, properties, currency)
        if len(charges) >= _MOST_KEPT:
            charges.clear()
        charges[charge_id] = charge
    return charge
