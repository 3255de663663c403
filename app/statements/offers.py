"""Plans on offer: the newest version of every live plan, with all its parts, in one query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.money import exponent
from app.rating.schemas import parse_charge
from app.statements.figures import UsageTerms

# Numbers are sent as text because Python would decode JSON numbers as floats.
_OFFERS = text("""
SELECT plan.key, plan.name, plan.summary, plan.is_default, plan.public, plan.version_id, plan.number,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(currency, interval, amount)), '[]')
        FROM catalog_prices WHERE plan_version_id = plan.version_id) AS prices,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(m.key, m.name, m.unit, p.policy, p.allowance::text,
                                                    p.hard_limit::text, p.per_minute::text,
                                                    p.per_hour::text, p.per_day::text) ORDER BY m.id), '[]')
        FROM catalog_allowances p JOIN catalog_meters m ON m.id = p.meter_id
        WHERE p.plan_version_id = plan.version_id) AS meters,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(m.key, c.currency, c.model, c.properties)), '[]')
        FROM catalog_charges c JOIN catalog_meters m ON m.id = c.meter_id
        WHERE c.plan_version_id = plan.version_id) AS charges,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(key, value::text)), '[]')
        FROM catalog_limits WHERE plan_version_id = plan.version_id) AS limits,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(key, label, value) ORDER BY position, key), '[]')
        FROM catalog_features WHERE plan_version_id = plan.version_id) AS features
FROM catalog_offers plan
WHERE plan.public OR plan.key = :own
ORDER BY plan.position, plan.key
""")


@dataclass(frozen=True, slots=True)
class OfferMeter:
    """A plan's terms for a meter; None means unlimited, or no such limit."""

    key: str
    name: str
    unit: str
    policy: str
    allowance: Decimal | None
    hard_limit: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan as sold today. `prices` by (currency, interval) in minor units; `charges` by (meter, currency)."""

    key: str
    name: str
    summary: str
    is_default: bool
    public: bool
    version_id: UUID
    number: int
    prices: Mapping[tuple[str, str], int]
    meters: Mapping[str, OfferMeter]
    charges: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]]
    limits: Mapping[str, Decimal | None]
    features: Mapping[str, tuple[str, Any]]

    def terms(self, meter: str, currency: str) -> UsageTerms:
        """The terms for a meter. On the default plan nobody collects payment, so `charge` is treated as `block`."""
        granted = self.meters.get(meter)
        if granted is None:
            return UsageTerms()
        if self.is_default and granted.policy == "charge":
            return UsageTerms("block", granted.allowance)
        model, properties = self.charges.get((meter, currency), (None, {}))
        charge = parse_charge(model, properties, exponent(currency)) if model else None
        return UsageTerms(granted.policy, granted.allowance, granted.hard_limit, charge)

    def fee(self, currency: str, interval: str) -> int | None:
        """The fee in minor units: 0 for the default plan, None for a custom price or if not sold at this interval."""
        price = self.prices.get((currency, interval))
        return 0 if price is None and self.is_default else price


def list_offers(session: Session, own: str | None = None) -> list[Offer]:
    """The public plans in display order, and the plan `own` even if it is private.

    Worked example: Free, Pro and a private Custom, seen by a visitor: Free and Pro, each with its prices.
    """
    return [_offer(row) for row in session.execute(_OFFERS, {"own": own})]


def _offer(row: Row[Any]) -> Offer:
    return Offer(
        key=row.key,
        name=row.name,
        summary=row.summary,
        is_default=row.is_default,
        public=row.public,
        version_id=row.version_id,
        number=row.number,
        prices={(currency, interval): amount for currency, interval, amount in row.prices},
        meters={meter[0]: OfferMeter(*meter[:4], *(_number(value) for value in meter[4:])) for meter in row.meters},
        charges={(meter, currency): (model, properties) for meter, currency, model, properties in row.charges},
        limits={key: _number(value) for key, value in row.limits},
        features={key: (label, value) for key, label, value in row.features},
    )


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
