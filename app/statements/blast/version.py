"""A plan version with its rules, charges and prices, as the blast radius prices usage by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog.models import PlanVersion
from app.rating import Charge
from app.statements.queries import get_charges
from app.subscriptions.terms.rules import PlanRules, load_rules


@dataclass(frozen=True, slots=True)
class PricedVersion:
    """A version's rules, its charges by id, and its prices by currency and interval, in minor units."""

    version_id: UUID
    number: int
    plan_key: str
    rules: PlanRules
    charges: Mapping[UUID, Charge]
    prices: Mapping[tuple[str, str], int]
    is_default: bool

    def fee(self, currency: str, interval: str | None) -> int | None:
        """The fee at an interval; None: not sold at it. An organisation without a subscription pays none."""
        if interval is None or self.is_default:
            return 0
        return self.prices.get((currency, interval))


def load_priced_version(session: Session, version: PlanVersion) -> PricedVersion:
    """Load a version's rules and charges as they are stored, also where it is about to be rolled back."""
    rules = load_rules(session, [version.id])[version.id]
    charges = get_charges(session, [charge_id for charge_id, _ in rules.charges.values()])
    prices = {(price.currency, price.interval): price.amount for price in version.prices}
    return PricedVersion(version.id, version.number, version.plan.key, rules, charges, prices, version.plan.is_default)
