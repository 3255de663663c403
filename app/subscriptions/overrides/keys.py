"""What may be overridden: keys such as `allowance:api_calls` or `feature:sso`, and the value each takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from app.catalog.definition import find_limit_mistake
from app.catalog.models import LIMITS, POLICIES
from app.kit.errors import FieldError, InvalidRequest
from app.kit.money import parse_price, parse_quantity, plain
from app.rating.schemas import parse_charge
from app.subscriptions.models import OVERRIDE_KINDS

FOR_PERIODS = frozenset({"allowance", "policy", "charge", "overage_price"})
"""Kinds that hold for whole usage periods; the others begin and end at their instants."""
PRICES = frozenset({"charge", "overage_price"})
LIMIT, FEATURE = "limit", "feature"
_WINDOWS = frozenset({"per_minute", "per_hour", "per_day"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_MOST_TEXT = 200
_MOST_TEXTS = 50
_MOST_NUMBER = 10**15


@dataclass(frozen=True, slots=True)
class OverrideKey:
    """`kind` is one of OVERRIDE_KINDS, `name` a meter, a limit or a feature."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def meter(self) -> str | None:
        """The meter that it is about; None for a limit of no meter or a feature."""
        return None if self.kind in {LIMIT, FEATURE} else self.name

    @property
    def replaces(self) -> frozenset[str]:
        """The keys that say the same thing, of which one holds at a time: an overage price is a charge."""
        return frozenset(f"{kind}:{self.name}" for kind in (PRICES if self.kind in PRICES else {self.kind}))

    @property
    def for_periods(self) -> bool:
        """Whether it holds for whole usage periods."""
        return self.kind in FOR_PERIODS


def parse_key(text: str) -> OverrideKey:
    """Parse a key; whether its meter exists is the caller's to check. Raises `InvalidRequest`."""
    kind, _, name = text.partition(":")
    if kind not in OVERRIDE_KINDS or not _NAME.match(name):
        raise _invalid("key", f"must be one of {', '.join(OVERRIDE_KINDS)}, a colon, and what it is for")
    if kind == LIMIT and name not in LIMITS:
        raise _invalid("key", f"limit: must be followed by one of {', '.join(LIMITS)}")
    return OverrideKey(kind, name)


def parse_value(key: OverrideKey, value: Any, currency: str) -> Any:
    """Check a value and return it as it is stored: quantities as text, a charge as {"model", "properties"}.

    null is unlimited for quantities. An overage price is decimal text in major units of `currency`. Raises
    `InvalidRequest`.
    """
    if key.kind == "policy":
        if value not in POLICIES:
            raise _invalid("value", f"must be one of {', '.join(POLICIES)}")
        return value
    if key.kind == FEATURE:
        return _parse_feature(value)
    if key.kind in PRICES:
        charge = _build_charge(key.kind, value)
        parse_charge(charge["model"], charge["properties"], currency)
        return msgspec.to_builtins(charge)  # decimals as text
    return _parse_number(key, value)


def _build_charge(kind: str, value: Any) -> dict[str, Any]:
    """The charge that a price names: an overage price is so much a unit."""
    if kind == "overage_price":
        try:
            return {"model": "per_unit", "properties": {"unit_amount": plain(parse_price(str(value)))}}
        except ValueError as wrong:
            raise _invalid("value", str(wrong)) from None
    if not isinstance(value, Mapping) or set(value) != {"model", "properties"}:
        raise _invalid("value", 'must be {"model": …, "properties": {…}}, as a catalogue writes a charge')
    if not isinstance(value["model"], str) or not isinstance(value["properties"], Mapping):
        raise _invalid("value", "model must be a text, properties an object")
    return {"model": value["model"], "properties": dict(value["properties"])}


def read_number(value: Any) -> Decimal | None:
    """Read a stored quantity back; None is unlimited."""
    return None if value is None else Decimal(value)


def _parse_number(key: OverrideKey, value: Any) -> str | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        number = parse_quantity(value if isinstance(value, str) else format(Decimal(value), "f"))
    except (ValueError, TypeError, ArithmeticError):
        raise _invalid("value", "must be a quantity, or null for unlimited") from None
    mistake = find_limit_mistake(number) if key.kind == LIMIT else None
    if mistake is not None:
        raise _invalid("value", mistake)
    if not number and key.kind in _WINDOWS:
        raise _invalid("value", "must be more than 0, or null for unlimited")
    return plain(number)


def _parse_feature(value: Any) -> Any:
    if isinstance(value, bool | int) and abs(value) < _MOST_NUMBER:
        return value
    texts = value if isinstance(value, list) else [value]
    if len(texts) > _MOST_TEXTS or any(not isinstance(item, str) or len(item) > _MOST_TEXT for item in texts):
        raise _invalid(
            "value",
            f"must be true, false, a whole number, a text of at most {_MOST_TEXT} characters or a list of texts",
        )
    return value


def _invalid(field: str, detail: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {detail}.", [FieldError(field, detail)])
