"""Cursors of lists: where the next page starts, as opaque text that a caller gives back unchanged."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec

from app.kit.errors import FieldError, InvalidRequest

Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]


def write_cursor(*parts: str) -> str:
    """Put the sort values of a page's last row into a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode("ascii").rstrip("=")


def read_cursor(cursor: str | None, parts: int) -> tuple[str, ...] | None:
    """The values that `write_cursor` was given, None without a cursor; raises `InvalidRequest` for anything else."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=tuple[str, ...])
    except (msgspec.DecodeError, binascii.Error, UnicodeError):
        values = ()
    if len(values) != parts or any("\x00" in value for value in values):
        raise InvalidRequest("The cursor is not one of ours.", [FieldError("next", "give back `next` unchanged")])
    return values
