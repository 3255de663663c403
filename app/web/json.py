"""JSON encoding and decoding: decimals as plain text, times as RFC 3339 UTC, errors that name the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from app.kit.errors import FieldError, InvalidRequest
from app.kit.fields import describe_mismatch
from app.kit.money import plain

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def _prepare(value: Any) -> Any:
    """Convert times to UTC and decimals to plain text, recursively: msgspec would keep the zone and write 1E+3."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict):
        return {key: _prepare(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_prepare(item) for item in value]
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        attributes = ((name, getattr(value, attribute)) for name, attribute in names)
        return {name: _prepare(item) for name, item in attributes if item is not msgspec.UNSET}
    return value


def encode(value: Any) -> bytes:
    """Encode a response body."""
    return msgspec.json.encode(_prepare(value))


def decode(body: bytes, type_: type[T]) -> T:
    """Parse a JSON body; raises `InvalidRequest` naming the invalid field and what was expected."""
    if b"\\u0000" in body or b"\x00" in body:
        raise InvalidRequest("The body contains a NUL character.", [FieldError("", "NUL characters are not allowed")])
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error) from None


def decode_value(raw: bytes) -> Any:
    """Parse a value that a body left raw. A number with a fraction becomes a decimal, one with an exponent a text."""
    try:
        return _VALUE.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(error) from None


def convert(values: dict[str, Any], type_: type[T]) -> T:
    """Parse query parameters (all text) into a struct; raises `InvalidRequest`."""
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _read_fraction(number: str) -> Decimal | str:
    return number if "e" in number.lower() else Decimal(number)


_VALUE = msgspec.json.Decoder(Any, float_hook=_read_fraction)


def _invalid(error: Exception) -> InvalidRequest:
    message = describe_mismatch(str(error)) or type(error).__name__
    match = _PATH.search(message)
    field = match["path"].lstrip(".") if match else ""
    detail = _PATH.sub("", message)
    unknown = re.search(r"unknown field `([^`]*)`", detail)
    if unknown:
        field = f"{field}.{unknown[1]}".lstrip(".")
    return InvalidRequest("The request is not valid.", [FieldError(field, detail)])
