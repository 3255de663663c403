"""Reading one field of a raw answer: there and of its type, or `StripeMisread` that names the field, never the value.

Strict on purpose: an answer in the shape of another API version must not pass for an empty field.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog

from app.stripe_gateway.errors import StripeMisread

Raw = Mapping[str, Any]
T = TypeVar("T")


def misread(reason: str) -> StripeMisread:
    """The error to raise, told to the log: nobody else will hear of it."""
    structlog.get_logger().error("stripe misread", reason=reason)
    return StripeMisread(reason)


def field(raw: Raw, name: str) -> Any:
    """The value of a field, which must be there; null is None."""
    try:
        return raw[name]
    except KeyError:
        raise misread(f"an answer without {name}") from None


def text(raw: Raw, name: str) -> str:
    """A string that must be there; raises `StripeMisread`."""
    return _there(text_or_none(raw, name), name)


def text_or_none(raw: Raw, name: str) -> str | None:
    """A string, or None where Stripe sends null."""
    return _typed(raw, name, str)


def whole(raw: Raw, name: str) -> int:
    """An integer that must be there; raises `StripeMisread`."""
    return _there(whole_or_none(raw, name), name)


def whole_or_none(raw: Raw, name: str) -> int | None:
    """An integer, or None where Stripe sends null."""
    return _typed(raw, name, int)


def flag(raw: Raw, name: str) -> bool:
    """A boolean that must be there; raises `StripeMisread`."""
    return _there(_typed(raw, name, bool), name)


def moment(raw: Raw, name: str) -> datetime:
    """An instant in UTC from Unix seconds, which must be there; raises `StripeMisread`."""
    return _there(moment_or_none(raw, name), name)


def moment_or_none(raw: Raw, name: str) -> datetime | None:
    """An instant in UTC from Unix seconds, or None where Stripe sends null."""
    seconds = whole_or_none(raw, name)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def currency(raw: Raw) -> str:
    """The currency's ISO code in capitals; Stripe writes it in small letters."""
    return text(raw, "currency").upper()


def inner(raw: Raw, name: str) -> Raw:
    """A nested object."""
    return _there(inner_or_none(raw, name), name)


def inner_or_none(raw: Raw, name: str) -> Raw | None:
    """A nested object, or None where Stripe sends null."""
    return _typed(raw, name, dict)


def items(raw: Raw) -> list[Raw]:
    """The objects of a list."""
    return objects(raw, "data")


def objects(raw: Raw, name: str) -> list[Raw]:
    """A plain array of objects; null is none."""
    data: list[Any] = _typed(raw, name, list) or []
    if not all(isinstance(each, dict) for each in data):
        raise misread(f"{name} is not of its type")
    return data


def object_id(raw: Raw, name: str) -> str | None:
    """The id of another object, whether or not it is expanded."""
    value = field(raw, name)
    return text(value, "id") if isinstance(value, dict) else text_or_none(raw, name)


def uuid_or_none(metadata: Raw | None, name: str) -> UUID | None:
    """An id that we once wrote into metadata. People can change it there, so that what is no id is none."""
    try:
        return UUID(str((metadata or {}).get(name)))
    except ValueError:
        return None


def ensure_kind(raw: Raw, kind: str) -> Raw:
    """The same, when its `object` says so: an id of one kind must not read as another."""
    if raw.get("object") != kind:
        raise misread(f"something else than {kind}")
    return raw


def _typed(raw: Raw, name: str, kind: type[T]) -> T | None:
    value = field(raw, name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise misread(f"{name} is not of its type")
    return value


def _there(value: T | None, name: str) -> T:
    if value is None:
        raise misread(f"{name} is null")
    return value
