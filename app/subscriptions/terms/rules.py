"""Loads what plan versions say, as the resolver takes it: one statement for any number of versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.subscriptions.terms.resolver import MeterRule

# Numbers are sent as text because Python would decode JSON numbers as floats.
_RULES = text("""
SELECT version.id, version.plan_id, version.trial_overage,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
                   m.meter_id, m.policy, m.allowance::text, m.hard_limit::text, m.per_minute::text, m.per_hour::text,
                   m.per_day::text)), '[]')
        FROM catalog_allowances m WHERE m.plan_version_id = version.id) AS meters,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(c.meter_id, c.currency, c.id, c.collect)), '[]')
        FROM catalog_charges c WHERE c.plan_version_id = version.id) AS charges,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(l.key, l.value::text)), '[]')
        FROM catalog_limits l WHERE l.plan_version_id = version.id) AS limits,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(f.key, f.label, f.value, f.position)), '[]')
        FROM catalog_features f WHERE f.plan_version_id = version.id) AS features,
       (SELECT coalesce(jsonb_agg(to_jsonb(c) - '{id,plan_version_id}'::text[] ORDER BY c.meter_id, c.currency), '[]')
        FROM catalog_charges c WHERE c.plan_version_id = version.id)::text ||
       (SELECT coalesce(jsonb_agg(jsonb_build_array(m.meter_id, m.policy, m.allowance, m.hard_limit)
                                  ORDER BY m.meter_id), '[]')
        FROM catalog_allowances m WHERE m.plan_version_id = version.id)::text AS overage,
       ARRAY(SELECT DISTINCT p.currency FROM catalog_prices p WHERE p.plan_version_id = version.id) AS currencies
FROM catalog_versions version WHERE version.id = ANY (:versions)
""")


@dataclass(frozen=True, slots=True)
class FeatureRule:
    """A feature of a plan: display label, value and place."""

    label: str
    value: Any
    position: int


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What a plan version says about meters, limits and features; `currencies` are those of its prices.

    `charges` by meter and currency: the charge, and whether it is to be paid for as the work is done. `overage` is
    equal for versions that price usage alike: the same allowances, policies, hard limits and charges. `trial_overage`
    is what holds above an allowance in a trial.
    """

    version_id: UUID
    plan_id: UUID
    meters: Mapping[int, MeterRule]
    charges: Mapping[tuple[int, str], tuple[UUID, bool]]
    limits: Mapping[str, Decimal | None]
    features: Mapping[str, FeatureRule]
    currencies: Collection[str]
    overage: str
    trial_overage: str

    def find_rule(self, meter_id: int, currency: str) -> MeterRule | None:
        """Find what the version says about a meter, with its charge in a currency."""
        rule = self.meters.get(meter_id)
        charge_id, immediate = self.charges.get((meter_id, currency), (None, False))
        return None if rule is None else replace(rule, charge_id=charge_id, immediate=immediate)


def load_rules(session: Session, versions: Collection[UUID]) -> dict[UUID, PlanRules]:
    """Load the rules of plan versions, by version id.

    Worked example: Pro with a monthly allowance of 50,000 calls under `charge`: one meter rule and, for each currency,
    the id of its charge.
    """
    return {row.id: _parse(row) for row in session.execute(_RULES, {"versions": list(versions)})}


def parse_meter_rule(policy: str, *numbers: str | None) -> MeterRule:
    """Parse a policy, then allowance, hard limit and the limits a minute, hour and day as text."""
    allowance, hard_limit, per_minute, per_hour, per_day = (None if n is None else Decimal(n) for n in numbers)
    return MeterRule(policy, allowance, hard_limit, per_minute, per_hour, per_day)


def _parse(row: Row[Any]) -> PlanRules:
    return PlanRules(
        version_id=row.id,
        plan_id=row.plan_id,
        meters={meter_id: parse_meter_rule(*rest) for meter_id, *rest in row.meters},
        charges={
            (meter_id, currency): (UUID(charge), collect == "immediate")
            for meter_id, currency, charge, collect in row.charges
        },
        limits={key: None if value is None else Decimal(value) for key, value in row.limits},
        features={key: FeatureRule(label, value, position) for key, label, value, position in row.features},
        currencies=row.currencies,
        overage=row.overage,
        trial_overage=row.trial_overage,
    )
