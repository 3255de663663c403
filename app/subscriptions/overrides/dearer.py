"""Whether new terms of a meter make some usage dearer, so that an override begins with the next period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.money import ZERO
from app.rating import Charge, price
from app.rating.bounds import UNBOUNDED
from app.rating.schemas import parse_charge
from app.subscriptions.terms.resolver import MeterTerms

_CHARGES = text("SELECT id, model, properties, currency FROM subscriptions_charges WHERE id = ANY (:ids)")
_POWERS = [Decimal(10) ** power for power in range(13)]
_BOUNDS = ("up_to", "size", "free_units")


@dataclass(frozen=True, slots=True)
class PricedTerms:
    """An allowance and the charge above it, with its properties as stored; `charge` None: nothing is owed."""

    allowance: Decimal | None
    charge: Charge | None = None
    properties: Mapping[str, Any] | None = None

    def price(self, quantity: Decimal) -> Decimal:
        """What a period's usage of this quantity costs, minimum and maximum left aside."""
        if self.charge is None:
            return ZERO
        return price(replace(self.charge, bounds=UNBOUNDED), quantity, self.allowance).amount

    def list_bounds(self) -> Iterator[Decimal]:
        """Quantities above the allowance at which the price may change its slope or jump."""
        yield ZERO
        divisor = self.charge.division.by if self.charge else None
        for bound in _list_bounds(self.properties):
            yield bound * (divisor or 1)


def load_priced(session: Session, *terms: MeterTerms) -> list[PricedTerms]:
    """Load the charges that terms name."""
    rows = session.execute(_CHARGES, {"ids": [found.charge_id for found in terms if found.charge_id]})
    charges: dict[UUID, Any] = {row.id: row for row in rows}
    return [
        PricedTerms(found.allowance, parse_charge(row.model, row.properties, row.currency), row.properties)
        if (row := charges.get(found.charge_id) if found.charge_id else None)
        else PricedTerms(found.allowance)
        for found in terms
    ]


def is_dearer(before: PricedTerms, after: PricedTerms) -> bool:
    """Whether some quantity may cost more after than before.

    Prices are compared at every bound and just above it. Another division, a higher minimum and a higher maximum count
    as dearer, whatever else falls.
    """
    if _may_rise(before.charge, after.charge):
        return True
    bounds = {*before.list_bounds(), *after.list_bounds(), *_POWERS}
    allowances = {terms.allowance or ZERO for terms in (before, after)}
    quantities = {allowance + bound + step for allowance in allowances for bound in bounds for step in (0, 1)}
    return any(after.price(quantity) > before.price(quantity) for quantity in quantities)


def _may_rise(before: Charge | None, after: Charge | None) -> bool:
    if after is None:
        return False
    if before is not None and before.division != after.division:
        return True
    then, now = before.bounds if before else UNBOUNDED, after.bounds
    if (now.minimum or ZERO) > (then.minimum or ZERO):
        return True
    return then.maximum is not None and (now.maximum is None or now.maximum > then.maximum)


def _list_bounds(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Mapping):
        for name in _BOUNDS:
            if value.get(name) is not None:
                yield Decimal(str(value[name]))
        for item in value.values():
            yield from _list_bounds(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_bounds(item)
