"""Plans on offer with all their parts, in one query: the newest versions, and the viewer's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Integer, Row, Text, TextualSelect, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from app.kit.postgres.arrays import encode_ids
from app.kit.postgres.together import ask, fill
from app.rating.schemas import parse_charge
from app.statements.figures import UsageTerms, build_usage_terms
from app.subscriptions.terms.resolver import COLLECTED, UNCOLLECTED, Collection, MeterRule, is_free, resolve_meter
from app.subscriptions.terms.rules import parse_meter_rule

# The public plans on sale, and the version :own, whatever became of it: who is on a plan sees their own version.
# Numbers are sent as text because Python would decode JSON numbers as floats.
_VERSION = """
    SELECT plan.key, plan.name, plan.summary, plan.is_default, plan.public, plan.position,
           version.id AS version_id, version.number, version.trial_days, version.trial_overage,
           newest.number AS newest_number, newest.version_id AS newest_id
    FROM catalog_versions version JOIN catalog_plans plan ON plan.id = version.plan_id
    JOIN catalog_newest newest ON newest.plan_id = version.plan_id
"""
_ON_SALE = f"""
WITH own AS ({_VERSION} WHERE version.id = CAST(:own AS uuid)),
plan AS (
    SELECT key, name, summary, is_default, public, position, version_id, number, trial_days, trial_overage,
           number AS newest_number, version_id AS newest_id
    FROM catalog_offers
    WHERE public AND NOT EXISTS (SELECT FROM own WHERE own.key = catalog_offers.key)
    UNION ALL TABLE own
)
"""  # noqa: S608  # nosec B608  # fixed words
# Some versions, and what the plan of one is sold as today, unless it is sold no more.
_VERSIONS = f"""
WITH plan AS (
    {_VERSION} WHERE version.id = ANY (CAST(:versions AS uuid[])) OR (newest.version_id = version.id
        AND plan.archived_at IS NULL AND plan.id = (SELECT of.plan_id FROM catalog_versions of WHERE of.id = :agreed))
)
"""  # noqa: S608  # nosec B608  # fixed words
_PARTS = """
SELECT plan.key, plan.name, plan.summary, plan.is_default, plan.public, plan.version_id, plan.number, plan.trial_days,
       plan.trial_overage, plan.newest_number,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(currency, interval, amount)), '[]') FROM catalog_prices
        WHERE plan_version_id = plan.newest_id AND plan.newest_id <> plan.version_id) AS newest_prices,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(currency, interval, amount)), '[]')
        FROM catalog_prices WHERE plan_version_id = plan.version_id) AS prices,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(m.key, m.name, m.unit, p.policy, p.allowance::text,
                                                    p.hard_limit::text, p.per_minute::text,
                                                    p.per_hour::text, p.per_day::text) ORDER BY m.id), '[]')
        FROM catalog_allowances p JOIN catalog_meters m ON m.id = p.meter_id
        WHERE p.plan_version_id = plan.version_id) AS meters,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(m.key, c.currency, c.id, c.model, c.properties, c.collect)), '[]')
        FROM catalog_charges c JOIN catalog_meters m ON m.id = c.meter_id
        WHERE c.plan_version_id = plan.version_id) AS charges,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(key, value::text)), '[]')
        FROM catalog_limits WHERE plan_version_id = plan.version_id) AS limits,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(key, label, value) ORDER BY position, key), '[]')
        FROM catalog_features WHERE plan_version_id = plan.version_id) AS features
FROM plan
ORDER BY plan.position, plan.key, plan.number
"""
_OFFERS, _AGREED = text(_ON_SALE + _PARTS), text(_VERSIONS + _PARTS)
_COLUMNS = {
    "key": Text, "name": Text, "summary": Text, "is_default": Boolean, "public": Boolean, "version_id": Uuid,
    "number": Integer, "trial_days": Integer, "trial_overage": Text, "newest_number": Integer, "newest_prices": JSONB,
    "prices": JSONB, "meters": JSONB, "charges": JSONB, "limits": JSONB, "features": JSONB,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OfferMeter:
    """What a plan says about a meter."""

    key: str
    name: str
    unit: str
    rule: MeterRule


@dataclass(frozen=True, slots=True)
class OfferCharge:
    """The charge for usage above an allowance, as stored."""

    id: UUID
    model: str
    properties: Mapping[str, Any]
    collect: str


@dataclass(frozen=True, slots=True)
class TodaysVersion:
    """What a plan is sold as today, where that is another version than the subscriber's own; prices as an offer's."""

    number: int
    prices: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan as sold today, or as its subscriber has it.

    `prices` by (currency, interval) in minor units; `charges` by (meter, currency). `trial_days`: how long it may be
    tried before it is paid for; None: not at all. `trial_overage`: what holds above an allowance then. `today` None: it
    is the version that is sold today.
    """

    key: str
    name: str
    summary: str
    is_default: bool
    public: bool
    version_id: UUID
    number: int
    prices: Mapping[tuple[str, str], int]
    meters: Mapping[str, OfferMeter]
    charges: Mapping[tuple[str, str], OfferCharge]
    limits: Mapping[str, Decimal | None]
    features: Mapping[str, tuple[str, Any]]
    trial_days: int | None = None
    trial_overage: str = "block"
    today: TodaysVersion | None = None

    @property
    def collection(self) -> Collection:
        """Whether somebody would collect payment for the plan."""
        free = is_free(default=self.is_default, amounts=list(self.prices.values()), charged=bool(self.charges))
        return UNCOLLECTED if free else COLLECTED

    def terms(self, meter: str, currency: str) -> UsageTerms:
        """The terms that an org on this plan would have for a meter."""
        granted, charge = self.meters.get(meter), self.charges.get((meter, currency))
        rule = granted.rule if granted else None
        if rule is not None and charge is not None:
            rule = replace(rule, charge_id=charge.id, immediate=charge.collect == "immediate")
        resolved = resolve_meter(rule, self.collection)
        if charge is None or resolved.charge_id is None:
            return build_usage_terms(resolved, None)
        return build_usage_terms(resolved, parse_charge(charge.model, charge.properties, currency))

    def fee(self, currency: str, interval: str) -> int | None:
        """The fee in minor units: 0 for the default plan, None for a custom price or if not sold at this interval."""
        price = self.prices.get((currency, interval))
        return 0 if price is None and self.is_default else price


def list_offers(session: Session, own: UUID | None = None) -> list[Offer]:
    """The public plans on sale in display order; of the plan whose version is `own`, that version, even if private.

    Worked example: Free, Pro (version 2) and a private Custom, seen by a visitor: Free and Pro, each with its prices;
    seen by a subscriber of Pro's version 1: Free, and Pro as version 1 has it.
    """
    return [_offer(row) for row in ask(session, select_offers(own))]


def select_offers(own: UUID | None) -> TextualSelect:
    """Select what `list_offers` lists."""
    return fill(_OFFERS, own=own).columns(**_COLUMNS)


def list_agreed(session: Session, agreed: UUID, others: Iterable[UUID]) -> list[Offer]:
    """A version, others beside it, and the newest version of its plan, unless that is archived.

    Worked example: version 1 of Pro, which is sold as version 3, with no others: versions 1 and 3.
    """
    asked = {"versions": encode_ids({agreed, *others}), "agreed": agreed}
    return [_offer(row) for row in session.execute(_AGREED, asked)]


def _offer(row: Row[Any]) -> Offer:
    return Offer(
        key=row.key,
        name=row.name,
        summary=row.summary,
        is_default=row.is_default,
        public=row.public,
        version_id=row.version_id,
        number=row.number,
        prices=_prices(row.prices),
        meters={key: OfferMeter(key, name, unit, parse_meter_rule(*rule)) for key, name, unit, *rule in row.meters},
        charges={
            (meter, currency): OfferCharge(UUID(charge), model, properties, collect)
            for meter, currency, charge, model, properties, collect in row.charges
        },
        limits={key: _number(value) for key, value in row.limits},
        features={key: (label, value) for key, label, value in row.features},
        trial_days=row.trial_days,
        trial_overage=row.trial_overage,
        today=TodaysVersion(row.newest_number, _prices(row.newest_prices)) if row.newest_number != row.number else None,
    )


def _prices(rows: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    return {(currency, interval): amount for currency, interval, amount in rows}


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
