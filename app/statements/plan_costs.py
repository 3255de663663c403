"""What usage costs on a plan: the fee of a month, and the usage by the plan's terms. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.rating.bounds import WHOLE
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterUse, UsageTerms, rate_usage
from app.statements.offers import Offer
from app.subscriptions.terms.resolver import RESTRICTION


def is_own(offer: Offer, usage: CurrentUsage | None) -> bool:
    """Whether an offer is the version that the organisation is on."""
    return usage is not None and offer.version_id == usage.plan_version_id


def find_own(offers: Sequence[Offer], usage: CurrentUsage | None) -> Offer | None:
    """The version that the organisation is on, among offers."""
    return next((offer for offer in offers if is_own(offer, usage)), None)


def find_terms(offer: Offer, meter: str, currency: str, usage: CurrentUsage | None) -> UsageTerms:
    """The terms of a meter on a plan: of the own one those in force, overrides included; of others the plan's.

    Neither a restriction until a payment is made nor a trial is part of the own plan: its own terms return.

    Worked example: Pro with an agreed allowance of
    80,000 calls: 80,000 on the own Pro, 50,000 on the Pro that others buy.
    """
    if usage is not None and is_own(offer, usage) and currency == usage.currency and not usage.is_trial:
        terms = next((each.terms for each in usage.meters if each.key == meter), None)
        if terms is not None and terms.cap_source != RESTRICTION:
            return replace(terms, minimum_portion=WHOLE)
    return offer.terms(meter, currency)


def calculate_usage_cost(terms: UsageTerms, used: Decimal) -> int:
    """What a period's usage of a meter costs, in minor units; what the cap would have refused is not billed."""
    rated = rate_usage(terms, MeterUse(used if terms.cap is None else min(used, terms.cap)))
    return rated.rounded if rated else 0
