"""Builds from the catalogue what `rank` and `timing` decide about."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import PlanVersion
from app.subscriptions.changes.rank import PlanPrices
from app.subscriptions.changes.timing import PricedPlan, name_change
from app.subscriptions.models import Subscription


def build_plan_prices(version: PlanVersion, currency: str) -> PlanPrices:
    """Build a version's prices in a currency; prices of zero are no prices."""
    prices = {price.interval: price.amount for price in version.prices if price.currency == currency and price.amount}
    return PlanPrices(version.plan.key, version.plan.position, prices, is_default=version.plan.is_default)


def find_change_name(session: Session, before: Subscription, after: Subscription) -> str:
    """What the history calls the change from one subscription to the next: `upgraded`, `downgraded`, …"""
    return name_change(_load(session, before, after.currency), _load(session, after, after.currency))


def _load(session: Session, row: Subscription, currency: str) -> PricedPlan:
    version = catalog.find_priced_version(session, row.plan_version_id)
    if version is None:
        raise RuntimeError(f"subscription {row.id} names no version")
    return PricedPlan(build_plan_prices(version, currency), row.interval)
