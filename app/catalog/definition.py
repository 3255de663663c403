"""A catalogue independent of file and database: both are loaded into these types to be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.kit.money import exponent, plain, to_major

UNLIMITED = "unlimited"
WINDOWS = ("per_minute", "per_hour", "per_day")


@dataclass(frozen=True, slots=True)
class MeterDef:
    """A meter as declared."""

    key: str
    name: str
    unit: str
    aggregation: str
    dimension: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """A plan's terms for a meter. An `allowance` of None is unlimited; the other limits are None when not set."""

    allowance: Decimal | None
    policy: str
    hard_limit: Decimal | None = None
    per_minute: Decimal | None = None
    per_hour: Decimal | None = None
    per_day: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChargeDef:
    """The price of usage above an allowance, in one currency. `properties` are as `canonicalise_property` returns."""

    key: str
    meter: str
    currency: str
    model: str
    collect: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature's display label, and its value in a plan."""

    label: str
    value: Any


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """The contents of one plan version. Prices by (currency, interval), in minor units.

    `discount_usage`: percentage discounts at Stripe also apply to usage. `tax_behavior` and `tax_code` are Stripe's
    words for how fee and usage are taxed; None: as its account says. `trial_days`: how long the plan may be tried
    before it is paid for; above an allowance the trial refuses usage (`trial_overage` block) or records it (charge).
    Nothing used in a trial is billed.
    """

    prices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    charges: tuple[ChargeDef, ...] = ()
    meters: Mapping[str, Allowance] = field(default_factory=dict)
    limits: Mapping[str, Decimal | None] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    discount_usage: bool = False
    tax_behavior: str | None = None
    tax_code: str | None = None
    trial_days: int | None = None
    trial_overage: str = "block"


@dataclass(frozen=True, slots=True)
class PlanDef:
    """A plan as declared: a description that may change, and terms that form a version."""

    key: str
    name: str
    summary: str
    public: bool
    default: bool
    position: int
    terms: PlanTerms


def flatten_terms(terms: PlanTerms) -> dict[str, str]:
    """Flatten terms to text by path, sorted. This form is compared, shown to people and hashed."""
    return dict(sorted(_facts(terms)))


def hash_terms(terms: PlanTerms) -> bytes:
    """Return the SHA-256 of the flattened terms: equal terms have equal hashes."""
    return hashlib.sha256(json.dumps(flatten_terms(terms), sort_keys=True).encode()).digest()


def canonicalise_property(value: Any) -> Any:
    """Return a charge's property as stored: numbers in any notation become plain decimal text."""
    if isinstance(value, dict):
        return {key: canonicalise_property(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canonicalise_property(item) for item in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return plain(Decimal(value))
    return plain(Decimal(value)) if isinstance(value, str) and value.replace(".", "", 1).isdecimal() else value


def _facts(terms: PlanTerms) -> Iterator[tuple[str, str]]:
    yield from _billing_facts(terms)
    for (currency, interval), amount in terms.prices.items():
        yield f"prices.{currency}.{interval}", plain(to_major(amount, exponent(currency)))
    for key, granted in terms.meters.items():
        yield f"meters.{key}.allowance", _amount(granted.allowance)
        yield f"meters.{key}.policy", granted.policy
        for name in ("hard_limit", *WINDOWS):
            if getattr(granted, name) is not None:
                yield f"meters.{key}.{name}", plain(getattr(granted, name))
    for charge in terms.charges:
        path = f"charges.{charge.key}.{charge.currency}"
        yield f"{path}.meter", charge.meter
        yield f"{path}.model", charge.model
        yield f"{path}.collect", charge.collect
        yield from _leaves(path, charge.properties)
    for key, value in terms.limits.items():
        yield f"limits.{key}", _amount(value)
    for key, feature in terms.features.items():
        yield f"features.{key}", json.dumps(feature.value, ensure_ascii=False)
        yield f"features.{key}.label", feature.label


def _billing_facts(terms: PlanTerms) -> Iterator[tuple[str, str]]:
    if terms.discount_usage:
        yield "discount_usage", "true"
    if terms.tax_behavior is not None:
        yield "tax_behavior", terms.tax_behavior
    if terms.tax_code is not None:
        yield "tax_code", terms.tax_code
    if terms.trial_days is not None:
        yield "trial_days", str(terms.trial_days)
    if terms.trial_overage != "block":
        yield "trial_overage", terms.trial_overage


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(f"{path}[{number}]", item)
    else:
        yield path, str(value)


def _amount(value: Decimal | None) -> str:
    return UNLIMITED if value is None else plain(value)


def find_limit_mistake(limit: Decimal | None) -> str | None:
    """What is wrong with the value of a limit of no meter; None if it is a whole number above 0, or unlimited."""
    if limit is None:
        return None
    if limit != limit.to_integral_value():
        return "must be a whole number"
    return "must be above 0" if limit == 0 else None
