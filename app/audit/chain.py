"""The arithmetic of the chain: canonical text and hashes. Pure, so that anyone can compute them again elsewhere.

hash = SHA-256 over the canonical JSON of the entry's fields, the hash of the entry before among them. Canonical JSON:
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
    "before", "after", "at", "request_id", "personal_hash", "prev_hash",
)  # fmt: skip


def genesis(chain: str) -> bytes:
    """What the first entry of a chain follows; differs by chain, so that entries cannot move between chains."""
    return hashlib.sha256(f"tollkeeper audit chain {chain}".encode()).digest()


def entry_hash(fields: Mapping[str, Any]) -> bytes:
    """The hash of an entry given by its columns; others than `FIELDS` are ignored."""
    return hashlib.sha256(_canonical({name: fields[name] for name in FIELDS})).digest()


def personal_hash(salt: bytes, data: Mapping[str, Any]) -> bytes:
    """The salted hash that stands in the entry for its personal part; without the salt it tells nothing."""
    return hashlib.sha256(salt + _canonical(data)).digest()


def as_json(value: Any) -> Any:
    """A value as JSON keeps it: what comes back from the database equals it. Floats are refused: they do not."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    for kind, words in _AS_TEXT:
        if isinstance(value, kind):
            return words(value)
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
