"""Addresses that several packages lead to: the comparison, a purchase, the way to another plan. Pure."""

from __future__ import annotations

from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, fee_of
from app.web.addresses import path_to

Link = tuple[str, str, bool]  # words, address, whether it is the one that is shown


def upgrade_url(offer: Offer, seen: PlanContext) -> str | None:
    """Where somebody who may change the plan gets this one, or leaves for it; None where people must be asked."""
    if seen.plan is None or not seen.may_change:
        return None
    fee, _ = fee_of(offer, seen)
    if offer.is_default:
        return path_to("billing.confirm_cancel") if seen.paying else None
    return purchase_url(offer.key, seen.interval, seen.currency) if fee else None


def comparison_url(seen: PlanContext, *, interval: str | None = None, currency: str | None = None) -> str:
    """The comparison as it is seen, or by another interval or currency."""
    return path_to("plans.index", interval=interval or seen.interval, currency=currency or seen.currency)


def purchase_url(key: str, interval: str, currency: str) -> str:
    """The page that sells a plan at one of its prices."""
    return path_to("billing.upgrade", key=key, interval=interval, currency=currency)
