"""Reads typed fields of a raw response. Raises `StripeMisread`, naming the field but never its value.

Strict on purpose: a response in the format of another API version must not pass for an empty field.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import structlog

from app.kit.money import exactly
from app.stripe_gateway.errors import StripeMisread

Raw = Mapping[str, Any]
T = TypeVar("T")

# They have no minor unit, but Stripe takes and gives them with two decimals that are 00. Source:
# https://docs.stripe.com/currencies#special-cases
_STRIPE_UNITS = {"ISK": 100, "UGX": 100}


def misread(reason: str) -> StripeMisread:
    """Build the error to raise, and log it, as callers may not."""
    structlog.get_logger().error("stripe misread", reason=reason)
    return StripeMisread(reason)


def field(raw: Raw, name: str) -> Any:
    """Read a field that must be present; null is None."""
    try:
        return raw[name]
    except KeyError:
        raise misread(f"a response without {name}") from None


def text(raw: Raw, name: str) -> str:
    """Read a required string; raises `StripeMisread`."""
    return _required(text_or_none(raw, name), name)


def text_or_none(raw: Raw, name: str) -> str | None:
    """Read a string, or None where Stripe sends null."""
    return _typed(raw, name, str)


def whole(raw: Raw, name: str) -> int:
    """Read a required integer; raises `StripeMisread`."""
    return _required(whole_or_none(raw, name), name)


def whole_or_none(raw: Raw, name: str) -> int | None:
    """Read an integer, or None where Stripe sends null."""
    return _typed(raw, name, int)


def amount(raw: Raw, name: str) -> int:
    """Read a required amount of an object that names its currency, in our minor units; raises `StripeMisread`."""
    return from_stripe(whole(raw, name), currency(raw))


def from_stripe(units: int, code: str) -> int:
    """Stripe's amount as ours; raises `StripeMisread` for a part of a unit that the currency does not have."""
    ours, rest = divmod(units, _STRIPE_UNITS.get(code, 1))
    if rest:
        raise misread(f"an amount in {code} with decimals")
    return ours


def from_stripe_exactly(units: Decimal, code: str) -> Decimal:
    """Stripe's amount as ours, fractions of a minor unit included: unit prices have up to twelve decimal places."""
    with exactly():
        return units / _STRIPE_UNITS.get(code, 1)


def to_stripe(minor: int, code: str) -> int:
    """Our amount as Stripe takes it: 50 ISK are 5000."""
    return minor * _STRIPE_UNITS.get(code, 1)


def decimal_or_none(raw: Raw, name: str) -> Decimal | None:
    """Read a decimal, or None where Stripe sends null: 20 and 12.5 are what JSON says, digit by digit."""
    value = field(raw, name)
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        raise misread(f"{name} is not a number") from None


def flag(raw: Raw, name: str) -> bool:
    """Read a required boolean; raises `StripeMisread`."""
    return _required(_typed(raw, name, bool), name)


def moment(raw: Raw, name: str) -> datetime:
    """Read a required time in UTC from Unix seconds; raises `StripeMisread`."""
    return _required(moment_or_none(raw, name), name)


def moment_or_none(raw: Raw, name: str) -> datetime | None:
    """Read a time in UTC from Unix seconds, or None where Stripe sends null."""
    seconds = whole_or_none(raw, name)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def currency(raw: Raw) -> str:
    """Read the currency's ISO code, in upper case; Stripe sends it in lower case."""
    return text(raw, "currency").upper()


def inner(raw: Raw, name: str) -> Raw:
    """Read a required nested object."""
    return _required(inner_or_none(raw, name), name)


def inner_or_none(raw: Raw, name: str) -> Raw | None:
    """Read a nested object, or None where Stripe sends null."""
    return _typed(raw, name, dict)


def items(raw: Raw) -> list[Raw]:
    """Read the objects of a list."""
    return objects(raw, "data")


def objects(raw: Raw, name: str) -> list[Raw]:
    """Read a plain array of objects; null is an empty one."""
    data: list[Any] = _typed(raw, name, list) or []
    if not all(isinstance(item, dict) for item in data):
        raise misread(f"{name} has the wrong type")
    return data


def object_id(raw: Raw, name: str) -> str | None:
    """Read the id of another object, whether or not it is expanded."""
    value = field(raw, name)
    return text(value, "id") if isinstance(value, dict) else text_or_none(raw, name)


def tax(raw: Raw, name: str, behavior: str | None = None) -> int:
    """Sum the taxes of a list, in minor units: all, those added to the amounts (exclusive) or within (inclusive)."""
    taxes = [each for each in objects(raw, name) if behavior in {None, each.get("tax_behavior")}]
    return from_stripe(sum(whole(each, "amount") for each in taxes), currency(raw))


def added_tax(raw: Raw, name: str) -> int:
    """Read the taxes of a list that are added to the amounts, in minor units."""
    return tax(raw, name, "exclusive")


def linked_id(raw: Raw, name: str) -> str:
    """Read the id of another object, which must be there."""
    value = object_id(raw, name)
    if value is None:
        raise misread(f"{name} is null")
    return value


def uuid_or_none(metadata: Raw | None, name: str) -> UUID | None:
    """Read an id that we wrote into metadata; None if it is missing or no longer an id, as people can edit it."""
    try:
        return UUID(str((metadata or {}).get(name)))
    except ValueError:
        return None


def ensure_kind(raw: Raw, kind: str) -> Raw:
    """Return the object if its `object` field is `kind`: one kind must not be read as another."""
    if raw.get("object") != kind:
        raise misread(f"an object that is not a {kind}")
    return raw


def _typed(raw: Raw, name: str, kind: type[T]) -> T | None:
    value = field(raw, name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise misread(f"{name} has the wrong type")
    return value


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise misread(f"{name} is null")
    return value
