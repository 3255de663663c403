"""Cursors of lists: where the next page starts, as opaque text that a caller gives back unchanged."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from app.kit.errors import FieldError, InvalidRequest
from app.kit.ids import parse_id

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
        raise _strange()
    return values


def read_id(cursor: str | None) -> UUID | None:
    """The id at which a list by ids goes on; raises `InvalidRequest` for what is not one of ours."""
    values = read_cursor(cursor, 1)
    return None if values is None else _id(values[0])


def read_moment(cursor: str | None) -> tuple[datetime, str] | None:
    """The instant and the second value at which a list by time goes on; raises as `read_id` does."""
    values = read_cursor(cursor, 2)
    if values is None:
        return None
    try:
        at = datetime.fromisoformat(values[0])
    except ValueError:
        raise _strange() from None
    if at.tzinfo is None:
        raise _strange()
    return at, values[1]


def read_place(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The instant and the id at which a list by time goes on; raises as `read_id` does."""
    moment = read_moment(cursor)
    return None if moment is None else (moment[0], _id(moment[1]))


def _id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise _strange()
    return found


def _strange() -> InvalidRequest:
    return InvalidRequest("The cursor is not one of ours.", [FieldError("next", "give back `next` unchanged")])
