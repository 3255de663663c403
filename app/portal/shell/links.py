"""URLs shared by several packages: the plan comparison, a purchase, an upgrade. Pure."""

from __future__ import annotations

from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, find_fee
from app.web.addresses import path_to

Link = tuple[str, str, bool]  # label, URL, whether it is the current one


def upgrade_url(offer: Offer, context: PlanContext) -> str | None:
    """The page where the viewer can switch to this plan; None if they must ask someone."""
    if context.plan is None or not context.may_change:
        return None
    fee, _ = find_fee(offer, context)
    if offer.is_default:
        return path_to("billing.confirm_cancel") if context.paying else None
    return purchase_url(offer.key, context.interval, context.currency) if fee else None


def comparison_url(context: PlanContext, *, interval: str | None = None, currency: str | None = None) -> str:
    """The plan comparison at the viewer's interval and currency, or at others."""
    return path_to("plans.index", interval=interval or context.interval, currency=currency or context.currency)


def plan_url(key: str, context: PlanContext) -> str:
    """The page of a plan at the viewer's interval and currency."""
    return path_to("plans.choose", key=key, interval=context.interval, currency=context.currency)


def purchase_url(key: str, interval: str, currency: str) -> str:
    """The purchase page of a plan at one of its prices."""
    return path_to("billing.upgrade", key=key, interval=interval, currency=currency)
