"""Events as columns: array literals that PostgreSQL reads in one go, and labels named once each.

Literals are joined here rather than bound as lists, because psycopg adapts a list's values one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NULL = "NULL"


def plain_array(values: Iterable[str]) -> str:
    """Values that need no quotes: numbers, hex, ISO times."""
    return "{" + ",".join(values) + "}"


def numbers(values: Sequence[int | None]) -> str | None:
    """Integers; None when no event carries one."""
    if not any(value is not None for value in values):
        return None
    return plain_array([NULL if value is None else str(value) for value in values])


def texts(values: Sequence[str | None]) -> str | None:
    """Texts, '' for one that is missing (none is empty); None when no event carries one."""
    if not any(values):
        return None
    words = [value or "" for value in values]
    joined = '","'.join(words)
    if "\\" in joined or joined.count('"') != 2 * (len(words) - 1):
        return plain_array(map(_quoted, words))
    return f'{{"{joined}"}}'


def named(values: Sequence[str | None]) -> tuple[str | None, str | None]:
    """Each label once, and for each event its position in that list from 1 (0: none); (None, None) without labels."""
    positions: dict[str, int] = {"": 0}
    places = [positions.setdefault(value or "", len(positions)) for value in values]
    if len(positions) == 1:
        return None, None
    return texts(list(positions)[1:]), plain_array(map(str, places))


def documents(values: Sequence[str | None]) -> str | None:
    """JSON texts, NULL for one that is missing; None when no event carries one."""
    if not any(values):
        return None
    words = [_quoted(value) if value else NULL for value in values]
    return plain_array(words)


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
