"""Who is comparing plans (currency, interval, current plan), and what a plan would cost them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.statements.offers import Offer

INTERVALS = {"month": "Monthly", "year": "Yearly"}


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The viewer of a plan page. `plan` is None for a visitor.

    `interval` is the one looked at; `paid_interval` is that by which Stripe collects for the current plan, if it does.
    `may_try`: no trial of theirs is known.
    """

    currency: str
    interval: str = "month"
    plan: str | None = None
    may_change: bool = True
    paid_interval: str | None = None
    may_try: bool = True

    @property
    def paying(self) -> bool:
        """Whether Stripe collects for the current plan."""
        return self.paid_interval is not None


def list_currencies(offers: Sequence[Offer]) -> list[str]:
    """All currencies in which any plan has a price."""
    return sorted({currency for offer in offers for currency, _ in offer.prices})


def is_sold(offer: Offer, context: PlanContext) -> bool:
    """Whether to show the plan: it has a price in the currency, has no prices (a custom one), or is the current one."""
    return (
        not offer.prices
        or offer.key == context.plan
        or any(currency == context.currency for currency, _ in offer.prices)
    )


def find_fee(offer: Offer, context: PlanContext) -> tuple[int | None, str]:
    """The fee in minor units and its interval; falls back to monthly if the plan has no yearly price."""
    fee = offer.fee(context.currency, context.interval)
    if fee is None and context.interval == "year":
        return offer.fee(context.currency, "month"), "month"
    return fee, context.interval


def find_trial(offer: Offer, context: PlanContext) -> int | None:
    """The days for which the viewer could try the plan; None: it has no trial, or they have had theirs or pay."""
    fee, _ = find_fee(offer, context)
    return offer.trial_days if fee and context.may_try and not context.paying else None


def has_used_trial(offer: Offer, context: PlanContext) -> bool:
    """Whether the plan could be tried, but not by this viewer any more."""
    return offer.trial_days is not None and not context.may_try and not context.paying


def find_monthly_fee(offer: Offer, context: PlanContext) -> Decimal | None:
    """The fee per month, exact, in minor units; None for a custom price."""
    fee, interval = find_fee(offer, context)
    if fee is None:
        return None
    return Decimal(fee) / (12 if interval == "year" else 1)


def find_yearly_saving(offer: Offer, currency: str) -> int | None:
    """What a year paid at once costs less than twelve months, in minor units; None if nothing, or not sold so."""
    month, year = offer.fee(currency, "month"), offer.fee(currency, "year")
    return 12 * month - year if month and year and 12 * month > year else None


def find_most_saved(offers: Iterable[Offer], currency: str) -> int | None:
    """The most that a year paid at once saves on any plan, in whole percent, rounded down; None if nothing.

    Worked example: 49 a month and 490 a year: 98 of 588, so 16.
    """
    saved = [
        100 * saving // (12 * month)
        for offer in offers
        if (saving := find_yearly_saving(offer, currency)) and (month := offer.fee(currency, "month"))
    ]
    return max(saved, default=0) or None
