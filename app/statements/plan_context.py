"""For whom plans are compared: currency, interval, present plan; and what a plan costs them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.statements.offers import Offer

INTERVALS = {"month": "Monthly", "year": "Yearly"}


@dataclass(frozen=True, slots=True)
class PlanContext:
    """By whom and how the page is seen. `plan` is None for a visitor; `paying`: Stripe collects for the own one."""

    currency: str
    interval: str = "month"
    plan: str | None = None
    may_change: bool = True
    paying: bool = False


def currencies_of(offers: Sequence[Offer]) -> list[str]:
    """Every currency that some plan has a price in."""
    return sorted({currency for offer in offers for currency, _ in offer.prices})


def is_sold(offer: Offer, seen: PlanContext) -> bool:
    """Whether the plan is shown: it has a price in the currency, has none at all (by agreement), or is the own one."""
    return not offer.prices or offer.key == seen.plan or any(each == seen.currency for each, _ in offer.prices)


def fee_of(offer: Offer, seen: PlanContext) -> tuple[int | None, str]:
    """The fee in minor units and the interval that it is for: monthly where the plan has no yearly price."""
    fee = offer.fee(seen.currency, seen.interval)
    if fee is None and seen.interval == "year":
        return offer.fee(seen.currency, "month"), "month"
    return fee, seen.interval


def monthly_fee(offer: Offer, seen: PlanContext) -> Decimal | None:
    """The fee of one month, exact in minor units; None by agreement."""
    fee, interval = fee_of(offer, seen)
    if fee is None:
        return None
    return Decimal(fee) / (12 if interval == "year" else 1)
