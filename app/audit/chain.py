"""Computes the chain: canonical text and hashes. Pure, so that anyone can recompute them elsewhere.

hash = SHA-256 over the canonical JSON of the entry's fields, including the hash of the previous entry. Canonical JSON:
UTF-8, keys sorted, no spaces; ids as text, times as ISO 8601 UTC with microseconds, hashes as hex, decimals as text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.kit.money import plain

FIELDS = (
    "chain", "seq", "org_id", "actor_kind", "actor_id", "acting_for", "action", "object_type", "object_id",
    "before", "after", "at", "wall_at", "request_id", "personal_hash", "prev_hash",
)  # fmt: skip


def genesis(chain: str) -> bytes:
    """The `prev_hash` of a chain's first entry. It differs by chain, so entries cannot be moved between chains."""
    return hashlib.sha256(f"tollkeeper audit chain {chain}".encode()).digest()


def entry_hash(fields: Mapping[str, Any]) -> bytes:
    """The hash of an entry given as columns; columns other than `FIELDS` are ignored."""
    return hashlib.sha256(_canonical({name: fields[name] for name in FIELDS})).digest()


def personal_hash(salt: bytes, data: Mapping[str, Any]) -> bytes:
    """The salted hash that the entry holds of its personal part; without the salt it reveals nothing."""
    return hashlib.sha256(salt + _canonical(data)).digest()


def as_json(value: Any) -> Any:
    """Convert a value to what JSONB returns for it. Floats raise `TypeError`: they do not survive the round trip."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    for kind, to_text in _AS_TEXT:
        if isinstance(value, kind):
            return to_text(value)
    raise TypeError(f"an audit entry cannot hold a {type(value).__name__}")


_AS_TEXT: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Decimal, plain),
    (datetime, lambda value: value.astimezone(UTC).isoformat(timespec="microseconds")),
    (date, str),
    (UUID, str),
    (bytes, bytes.hex),
)


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(as_json(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
