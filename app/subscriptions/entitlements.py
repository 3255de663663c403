"""What an org is entitled to now: its plan, the terms of every meter, limits and features, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.kit.errors import Unavailable
from app.subscriptions import queries
from app.subscriptions.terms.in_force import get_terms
from app.subscriptions.terms.resolver import MeterTerms
from app.subscriptions.terms.restriction import is_restricted
from app.subscriptions.terms.unmetered import EntitledLimit, Grant


@dataclass(frozen=True, slots=True)
class EntitledMeter:
    """A meter and its terms in the current period."""

    meter: Meter
    terms: MeterTerms


@dataclass(frozen=True, slots=True)
class Entitlements:
    """An org's current terms. `meters` are those that the plan mentions; others are unlimited and not billed.

    `limited`: a payment is overdue or the plan is paused, so the default plan's limits apply where they are lower.
    """

    plan_key: str
    plan_name: str
    version: int
    version_id: UUID
    limits: Mapping[str, EntitledLimit]
    features: Mapping[str, Grant]
    meters: tuple[EntitledMeter, ...]
    limited: bool = False

    @property
    def requests_per_minute(self) -> int | None:
        """The API's limit of requests a minute; None is unlimited."""
        value = self.limits["requests_per_minute"].value
        return None if value is None else int(value)


def get_entitlements(session: Session, org_id: UUID, now: datetime) -> Entitlements:
    """Get the org's current entitlements. Before its terms are resolved, those it will have."""
    terms = get_terms(session, org_id, now)
    plan = catalog.find_plan_of_version(session, terms.version_id)
    if plan is None:
        raise Unavailable("The plan in force is not in the catalogue.")
    subscription = queries.find_subscription(session, org_id)
    known = catalog.get_meters_by_id(session)
    meters = [EntitledMeter(known[meter_id], found) for meter_id, found in terms.meters.items() if found.mentioned]
    return Entitlements(
        plan_key=plan.key,
        plan_name=plan.name,
        version=plan.number,
        version_id=terms.version_id,
        limits=terms.unmetered.limits,
        features=terms.unmetered.features,
        meters=tuple(sorted(meters, key=lambda entitled: entitled.meter.key)),
        limited=subscription is not None
        and is_restricted(subscription.limited_at, subscription.restriction_lifted_until, now),
    )
