"""Reads values out of parsed TOML and gathers every mistake with its path, instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.catalog.definition import UNLIMITED
from app.catalog.errors import Path
from app.kit.money import parse_quantity, plain

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>kB|MB|GB|KiB|MiB|GiB)")
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

Mistake = tuple[Path, str]
Value = str | int | bool | list[str]


class Table:
    """One table of the file. Each read names its key; `done` complains about keys that nobody asked for."""

    def __init__(self, data: dict[str, Any], path: Path, mistakes: list[Mistake]) -> None:
        self.data = data
        self.path = path
        self.mistakes = mistakes
        self._read: set[str] = set()

    def complain(self, key: str | None, detail: str) -> None:
        """Note a mistake at a key of this table, or at the table itself."""
        self.mistakes.append((self.path if key is None else (*self.path, key), detail))

    def done(self) -> None:
        """Every key that was not read is a mistake: a misspelt limit must not pass as no limit."""
        for key in self.data.keys() - self._read:
            self.complain(key, f"unknown key; known here: {', '.join(sorted(self._read))}")

    def raw(self, key: str) -> Any:
        """The value as parsed, None when it is not there."""
        self._read.add(key)
        return self.data.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Words of one line, at most 200 characters; needed when there is no default."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value.strip() and len(value) <= 200 and value.isprintable():
            return value
        self._wanted(key, value, "one line of words, at most 200 characters")
        return ""

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of the given words; needed when there is no default."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value in options:
            return value
        self._wanted(key, value, f"one of {', '.join(options)}")
        return options[0]

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._wanted(key, value, "true or false")
        return default

    def quantity(self, key: str, *, needed: bool) -> Decimal | None:
        """A quantity by rule 2.1, or "unlimited" (None). What is not needed and not there is None too."""
        value = self.raw(key)
        if value == UNLIMITED or (value is None and not needed):
            return None
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            try:
                return parse_quantity(plain(value) if isinstance(value, Decimal) else str(value))
            except ValueError as wrong:
                self.complain(key, f"{wrong}, or {UNLIMITED!r}")
                return None
        self._wanted(key, value, f"a number or {UNLIMITED!r}")
        return None

    def whole(self, key: str) -> Decimal | None:
        """A whole number or "unlimited"; needed."""
        number = self.quantity(key, needed=True)
        if number is not None and number != number.to_integral_value():
            self.complain(key, "must be a whole number")
        return number

    def size(self, key: str) -> Decimal | None:
        """Bytes: a whole number, "50 MB" (10^6), "50 MiB" (2^20), or "unlimited"; needed."""
        value = self.data.get(key)
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return self.whole(key)
        self._read.add(key)
        return Decimal(found["number"]) * _BYTES[found["unit"]]

    def value(self, key: str) -> Value:
        """What a feature may hold: true, false, a whole number, a word, or a list of words."""
        value = self.raw(key)
        if isinstance(value, str | bool | int) or _words(value):
            return value  # type: ignore[no-any-return]  # the line above is the proof
        self.complain(key, "must be true, false, a whole number, a word, or a list of words")
        return False

    def table(self, key: str, *, needed: bool = False) -> Table:
        """The table under a key; an empty one when there is none."""
        value = self.raw(key)
        if isinstance(value, dict):
            return Table(value, (*self.path, key), self.mistakes)
        if value is not None or needed:
            self._wanted(key, value, "a table")
        return Table({}, (*self.path, key), [])  # one mistake is noted, not one for each key in it

    def tables(self, key: str) -> Iterator[Table]:
        """The elements of the array of tables under a key."""
        value = self.raw(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            self._wanted(key, value, "an array of tables")
            return
        for number, each in enumerate(value or []):
            yield Table(each, (*self.path, key, number), self.mistakes)

    def each(self) -> Iterator[Table]:
        """The tables under every key of this one."""
        for key in self.data:
            yield self.table(key, needed=True)

    @property
    def name(self) -> str:
        """The last key of the path: what this table is called."""
        return str(self.path[-1])

    def _wanted(self, key: str, value: Any, what: str) -> None:
        self.complain(key, f"is missing; it must be {what}" if value is None else f"must be {what}")


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
