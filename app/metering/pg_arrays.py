"""Encodes columns of events as PostgreSQL array literals (`kit.postgres.arrays`), with repeated labels listed once."""

from __future__ import annotations

from collections.abc import Sequence

from app.kit.postgres.arrays import encode_plain

NULL = "NULL"


def encode_integers(values: Sequence[int | None]) -> str | None:
    """Encode integers; None when no event has one."""
    if not any(value is not None for value in values):
        return None
    return encode_plain([NULL if value is None else str(value) for value in values])


def encode_texts(values: Sequence[str | None]) -> str | None:
    """Encode texts, with '' for a missing one (none is empty); None when no event has one."""
    if not any(values):
        return None
    words = [value or "" for value in values]
    joined = '","'.join(words)
    if "\\" in joined or joined.count('"') != 2 * (len(words) - 1):
        return encode_plain(map(_quoted, words))
    return f'{{"{joined}"}}'


def encode_labels(values: Sequence[str | None]) -> tuple[str | None, str | None]:
    """Encode distinct labels, and every event's index among them from 1 (0: none). (None, None) without labels."""
    positions: dict[str, int] = {"": 0}
    places = [positions.setdefault(value or "", len(positions)) for value in values]
    if len(positions) == 1:
        return None, None
    return encode_texts(list(positions)[1:]), encode_plain(map(str, places))


def encode_json(values: Sequence[str | None]) -> str | None:
    """Encode JSON texts, with NULL for a missing one; None when no event has one."""
    if not any(values):
        return None
    words = [_quoted(value) if value else NULL for value in values]
    return encode_plain(words)


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
