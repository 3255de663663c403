"""What has been agreed with an organisation, in words: overrides as staff and members read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.kit.money import exponent
from app.statements.comparison import LIMIT_NAMES, UNLIMITED, format_feature, format_limit
from app.statements.wording import unit_for
from app.subscriptions.overrides.held import HeldOverride
from app.subscriptions.overrides.keys import FEATURE, LIMIT, OverrideKey, parse_key, read_number
from app.web.filters import quantity, unit_price

METER_KINDS = {
    "allowance": "Allowance",
    "policy": "Above the allowance",
    "hard_limit": "Hard limit",
    "per_minute": "Limit a minute",
    "per_hour": "Limit an hour",
    "per_day": "Limit a day",
    "overage_price": "Price above the allowance",
    "charge": "Prices above the allowance",
}
POLICIES = {"block": "Refused", "charge": "At a price", "warn": "Recorded at no cost"}


@dataclass(frozen=True, slots=True)
class AgreedTerm:
    """An override in words. `ends_at` None: no end is agreed."""

    key: str
    what: str
    value: str
    reason: str
    starts_at: datetime
    ends_at: datetime | None
    stays: bool
    begun: bool
    open: bool
    given_by: Any


def describe_overrides(overrides: Sequence[HeldOverride], now: datetime) -> list[AgreedTerm]:
    """Describe overrides in their order.

    Worked example: allowance:api_calls of 80000: "API calls: allowance", "80,000 calls".
    """
    return [
        AgreedTerm(
            row.key,
            describe_what(parse_key(row.key), row.name),
            _describe_value(row),
            row.reason,
            row.starts_at,
            row.ends_at,
            row.stays,
            row.starts_at <= now,
            row.open,
            row.given_by,
        )
        for row in overrides
    ]


def list_lost(agreed: Sequence[AgreedTerm], end: datetime | None) -> list[str]:
    """What would hold beyond an instant (None: unknown) and ends with the plan if the organisation leaves it then."""
    return [
        f"{term.what}, {term.value}"
        for term in agreed
        if term.open and not term.stays and (term.ends_at is None or end is None or term.ends_at > end)
    ]


def describe_what(key: OverrideKey, name: str | None) -> str:
    """Name what an override replaces: "API calls: allowance", "Concurrent jobs"."""
    if key.kind == LIMIT:
        return LIMIT_NAMES[key.name]
    readable = name or key.name.replace("_", " ").capitalize()
    return readable if key.kind == FEATURE else f"{readable}: {METER_KINDS[key.kind].lower()}"


def _describe_value(row: HeldOverride) -> str:
    key, value = parse_key(row.key), row.value
    if key.kind == FEATURE:
        return format_feature(value)
    if key.kind == LIMIT:
        return format_limit(key.name, read_number(value))
    if key.kind == "policy":
        return POLICIES[value]
    if key.kind == "charge":
        return f"By agreement ({value['model'].replace('_', ' ')})"
    if key.kind == "overage_price":
        currency = row.currency or "USD"
        amount = Decimal(value["properties"]["unit_amount"])
        return f"{unit_price(amount, currency, places=exponent(currency))} each"
    number = read_number(value)
    return UNLIMITED if number is None else f"{quantity(number)} {unit_for(number, row.unit or 'unit')}"
