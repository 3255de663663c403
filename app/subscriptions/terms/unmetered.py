"""Limits and features that belong to no meter: resolved, stored as rows of `org_terms`, read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.subscriptions.models import OrgTerm
from app.subscriptions.overrides.active import ActiveOverrides
from app.subscriptions.terms.resolver import resolve_features, resolve_limits
from app.subscriptions.terms.rules import PlanRules

_LIMIT, _FEATURE = "limit:", "feature:"


@dataclass(frozen=True, slots=True)
class EntitledLimit:
    """A limit that belongs to no meter; `value` None is unlimited."""

    value: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A feature: its label and its value for the org."""

    label: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Unmetered:
    """An org's limits and features by key; features in display order."""

    limits: Mapping[str, EntitledLimit]
    features: Mapping[str, Grant]


def resolve_unmetered(rules: PlanRules, overrides: ActiveOverrides, restricted_to: PlanRules | None) -> Unmetered:
    """Resolve a plan's limits and features; a restriction lowers limits and leaves features alone."""
    limits = resolve_limits(
        rules.limits, overrides=overrides.limits(), restricted_to=restricted_to.limits if restricted_to else None
    )
    plan = {key: feature.value for key, feature in rules.features.items()}
    features = resolve_features(plan, overrides=overrides.features())
    known = rules.features
    places = sorted(features, key=lambda key: (known[key].position if key in known else len(known), key))
    return Unmetered(
        {key: EntitledLimit(terms.value, terms.source) for key, terms in sorted(limits.items())},
        {
            key: Grant(known[key].label if key in known else key, features[key].value, features[key].source)
            for key in places
        },
    )


def build_rows(unmetered: Unmetered) -> Iterator[dict[str, Any]]:
    """Build the columns of `org_terms` but for the org and `valid_until`."""
    empty = {"amount": None, "value": None, "label": None, "position": None}
    for key, limit in unmetered.limits.items():
        yield empty | {"key": _LIMIT + key, "amount": limit.value, "source": limit.source}
    for place, (key, grant) in enumerate(unmetered.features.items()):
        columns = {"value": grant.value, "label": grant.label, "position": place, "source": grant.source}
        yield empty | {"key": _FEATURE + key} | columns


def parse_rows(rows: Iterable[OrgTerm]) -> Unmetered:
    """Read an org's rows back."""
    limits: dict[str, EntitledLimit] = {}
    features: dict[str, Grant] = {}
    for row in sorted(rows, key=lambda row: (row.position or 0, row.key)):
        kind, _, key = row.key.partition(":")
        if kind + ":" == _LIMIT:
            limits[key] = EntitledLimit(row.amount, row.source)
        else:
            features[key] = Grant(row.label or key, row.value, row.source)
    return Unmetered(limits, features)
