"""What the catalogue sells through Stripe, and under which names it stands there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.catalog.models import PlanVersion


@dataclass(frozen=True, slots=True)
class PriceSelection:
    """A price of ours that Stripe should have; `amount` in minor units."""

    version_id: UUID
    plan_key: str
    plan_name: str
    number: int
    interval: str
    currency: str
    amount: int

    @property
    def lookup_key(self) -> str:
        """What the price is found by at Stripe."""
        return f"{self.product_id}_v{self.number}_{self.interval}_{self.currency.lower()}"

    @property
    def product_id(self) -> str:
        """The plan as a product of Stripe's."""
        return f"tollkeeper_{self.plan_key}"


def list_paid_prices(version: PlanVersion) -> list[PriceSelection]:
    """The prices of a version that are paid at Stripe: none of the default plan, none of nothing."""
    if version.plan.is_default:
        return []
    plan = version.plan
    return [
        PriceSelection(version.id, plan.key, plan.name, version.number, each.interval, each.currency, each.amount)
        for each in version.prices
        if each.amount
    ]
