"""Identifies events: the 16-byte key of the id, and the hash of the content.

The content is what was sent, less the fields that equal a constant default: quantity 1, metadata {}. A time that was
left out stays left out, so the same event sent again later is still the same.
"""

from __future__ import annotations

import re
from datetime import UTC
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw

from app.kit.money import QUANTITY_BYTES
from app.metering.schemas import ABSENT, Event

MAX_METADATA = 4096
MAX_DEPTH = 32

_TOO_DEEP = f"metadata can be nested at most {MAX_DEPTH} levels deep"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class BadContentError(Exception):
    """The event is well-formed but cannot be recorded; `code` is one of the API's error codes."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def derive_key(event_id: str) -> str:
    """Derive an event's key, 16 bytes in hex: a canonical UUID is its own key, other ids use half of their SHA-256.

    Two ids with the same key are reported as a conflict, since the content hash covers the id.
    """
    return event_id if _UUID.match(event_id) else sha256(event_id.encode()).hexdigest()[:32]


def canonicalise(event: Event) -> str:
    """Bring the event's fields into canonical form, in place, and return its quantity as decimal text.

    Times become UTC, "2.0" becomes 2, metadata keys are sorted, and constant defaults are left out. Raises
    `BadContentError`.
    """
    at = event.occurred_at
    if at is not None and at.tzinfo is not UTC:
        try:
            event.occurred_at = at.astimezone(UTC)
        except OverflowError:
            raise BadContentError("invalid_event", "occurred_at is out of range") from None
    quantity = _quantity(event)
    if event.metadata is not ABSENT:
        event.metadata = _metadata(bytes(event.metadata))
    return quantity


def _quantity(event: Event) -> str:
    if event.quantity is ABSENT:
        return "1"
    sent = bytes(event.quantity)
    text = sent[1:-1] if sent.startswith(b'"') else sent
    if not QUANTITY_BYTES.match(text):
        raise BadContentError("bad_quantity", "quantity must be non-negative, below 10^15, with at most 6 places")
    if b"." in text:
        text = text.rstrip(b"0").rstrip(b".")
    if text == b"1":
        event.quantity = ABSENT
    elif text is not sent:
        event.quantity = Raw(text)
    return text.decode("ascii")


def hash_content(event: Event) -> str:
    """Hash the content of a canonicalised event to 16 bytes in hex."""
    return sha256(_encode(event)).hexdigest()[:32]


def encode_sent(event: Event) -> bytes:
    """Encode the event as JSON, without the fields that were not sent."""
    given = {name: getattr(event, name) for name in event.__struct_fields__}
    return _encode({name: value for name, value in given.items() if value is not None and value is not ABSENT})


def _metadata(sent: bytes) -> Raw:
    if sent in {b"null", b"{}"}:
        return ABSENT
    if len(sent) > MAX_METADATA:
        raise BadContentError("invalid_event", f"metadata can have at most {MAX_METADATA} bytes")
    try:
        document = msgspec.json.decode(sent)
        canonical = _encode_sorted(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadContentError("invalid_event", f"metadata: {error}") from None
    except RecursionError:
        raise BadContentError("invalid_event", _TOO_DEEP) from None
    if not isinstance(document, dict):
        raise BadContentError("invalid_event", "metadata must be a JSON object")
    if not document:
        return ABSENT
    if not is_nested_within(document, MAX_DEPTH):
        raise BadContentError("invalid_event", _TOO_DEEP)
    if b"\\u0000" in canonical.replace(b"\\\\", b""):
        raise BadContentError("invalid_event", "metadata must not contain NUL characters")
    return Raw(canonical)


def is_nested_within(document: Any, depth: int) -> bool:
    """Whether a JSON value's lists and objects are nested at most `depth` deep: who reads it back uses recursion."""
    level = [document]
    for _ in range(depth + 1):
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return True
        level = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
    return False
