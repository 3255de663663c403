"""List cursors: where the next page starts, as opaque text that clients return unchanged."""

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


def encode_cursor(*parts: str) -> str:
    """Encode the sort values of a page's last row as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode("ascii").rstrip("=")


def parse_cursor(cursor: str | None, parts: int) -> tuple[str, ...] | None:
    """The values passed to `encode_cursor`; None without a cursor. Raises `InvalidRequest` for an invalid one."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=tuple[str, ...])
    except (msgspec.DecodeError, binascii.Error, UnicodeError):
        values = ()
    if len(values) != parts or any("\x00" in value for value in values):
        raise _invalid_cursor()
    return values


def parse_id_cursor(cursor: str | None) -> UUID | None:
    """Parse the cursor of a list sorted by id; raises `InvalidRequest` if it is not valid."""
    values = parse_cursor(cursor, 1)
    return None if values is None else _parse_id(values[0])


def parse_instant_cursor(cursor: str | None) -> datetime | None:
    """Parse the cursor of a list sorted by time alone; raises `InvalidRequest` if it is not valid."""
    values = parse_cursor(cursor, 1)
    return None if values is None else _parse_instant(values[0])


def parse_time_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Parse the cursor of a list sorted by time and a text; raises `InvalidRequest` if it is not valid."""
    values = parse_cursor(cursor, 2)
    if values is None:
        return None
    return _parse_instant(values[0]), values[1]


def parse_time_id_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Parse the cursor of a list sorted by time and id; raises `InvalidRequest` if it is not valid."""
    moment = parse_time_cursor(cursor)
    return None if moment is None else (moment[0], _parse_id(moment[1]))


def parse_text_id_cursor(cursor: str | None) -> tuple[str, UUID] | None:
    """Parse the cursor of a list sorted by a text and id; raises `InvalidRequest` if it is not valid."""
    values = parse_cursor(cursor, 2)
    return None if values is None else (values[0], _parse_id(values[1]))


def _parse_instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid_cursor() from None
    if at.tzinfo is None:
        raise _invalid_cursor()
    return at


def _parse_id(text: str) -> UUID:
    parsed = parse_id(text)
    if parsed is None:
        raise _invalid_cursor()
    return parsed


def _invalid_cursor() -> InvalidRequest:
    return InvalidRequest("The cursor is not valid.", [FieldError("next", "must be the unchanged `next` of a page")])
