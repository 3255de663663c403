"""The catalogue's prices that are sold through Stripe, and their ids and lookup keys there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.catalog.models import PlanVersion


@dataclass(frozen=True, slots=True)
class PriceSelection:
    """A price that should exist at Stripe; `amount` in minor units."""

    version_id: UUID
    plan_key: str
    plan_name: str
    number: int
    interval: str
    currency: str
    amount: int
    tax_behavior: str | None = None
    tax_code: str | None = None

    @property
    def lookup_key(self) -> str:
        """The price's lookup key at Stripe."""
        return f"{self.product_id}_v{self.number}_{self.interval}_{self.currency.lower()}"

    @property
    def product_id(self) -> str:
        """The id of the plan's product at Stripe."""
        return f"tollkeeper_{self.plan_key}"


def list_paid_prices(version: PlanVersion) -> list[PriceSelection]:
    """List a version's prices that are paid through Stripe: never the default plan's, never a price of zero."""
    if version.plan.is_default:
        return []
    plan = version.plan
    return [
        PriceSelection(
            version.id, plan.key, plan.name, version.number, price.interval, price.currency, price.amount,
            version.tax_behavior, version.tax_code,
        )
        for price in version.prices
        if price.amount
    ]  # fmt: skip
