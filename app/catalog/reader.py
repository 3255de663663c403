"""Reads typed values from parsed TOML, and collects every mistake with its path instead of stopping at the first."""

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
    """One table of the file. It remembers the keys that were read; `reject_unknown_keys` reports the others."""

    def __init__(self, data: dict[str, Any], path: Path, mistakes: list[Mistake]) -> None:
        self.data = data
        self.path = path
        self.mistakes = mistakes
        self._read: set[str] = set()

    def add_mistake(self, key: str | None, detail: str) -> None:
        """Record a mistake at a key of this table, or at the table itself."""
        self.mistakes.append((self.path if key is None else (*self.path, key), detail))

    def reject_unknown_keys(self) -> None:
        """Report every key that was not read: a misspelt limit must not pass as no limit."""
        for key in self.data.keys() - self._read:
            self.add_mistake(key, f"unknown key; known here: {', '.join(sorted(self._read))}")

    def raw(self, key: str) -> Any:
        """The value as parsed; None when absent."""
        self._read.add(key)
        return self.data.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """One line of text, at most 200 characters; required unless there is a default."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value.strip() and len(value) <= 200 and value.isprintable():
            return value
        self._expect(key, value, "one line of text, at most 200 characters")
        return ""

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of the given options; required unless there is a default."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value in options:
            return value
        self._expect(key, value, f"one of {', '.join(options)}")
        return options[0]

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._expect(key, value, "true or false")
        return default

    def quantity(self, key: str, *, needed: bool) -> Decimal | None:
        """A quantity as in rule 2.1, or "unlimited" (None). None too when not needed and absent."""
        value = self.raw(key)
        if value == UNLIMITED or (value is None and not needed):
            return None
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            try:
                return parse_quantity(plain(value) if isinstance(value, Decimal) else str(value))
            except ValueError as wrong:
                self.add_mistake(key, f"{wrong}, or {UNLIMITED!r}")
                return None
        self._expect(key, value, f"a number or {UNLIMITED!r}")
        return None

    def size(self, key: str) -> Decimal | None:
        """Bytes: a number, "50 MB" (10^6), "50 MiB" (2^20), or "unlimited"; required."""
        value = self.data.get(key)
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return self.quantity(key, needed=True)
        self._read.add(key)
        return Decimal(match["number"]) * _BYTES[match["unit"]]

    def value(self, key: str) -> Value:
        """A feature's value: true, false, a whole number, a string, or a list of strings."""
        value = self.raw(key)
        if isinstance(value, str | bool | int) or _words(value):
            return value  # type: ignore[no-any-return]  # checked above
        self.add_mistake(key, "must be true, false, a whole number, a string, or a list of strings")
        return False

    def table(self, key: str, *, needed: bool = False) -> Table:
        """The table under a key; an empty one when absent."""
        value = self.raw(key)
        if isinstance(value, dict):
            return Table(value, (*self.path, key), self.mistakes)
        if value is not None or needed:
            self._expect(key, value, "a table")
        return Table({}, (*self.path, key), [])  # report one mistake, not one for every missing key

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the elements of the array of tables under a key."""
        value = self.raw(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            self._expect(key, value, "an array of tables")
            return
        for number, item in enumerate(value or []):
            yield Table(item, (*self.path, key, number), self.mistakes)

    def subtables(self) -> Iterator[Table]:
        """Yield the table under every key of this one."""
        for key in self.data:
            yield self.table(key, needed=True)

    @property
    def name(self) -> str:
        """The table's name: the last key of its path."""
        return str(self.path[-1])

    def _expect(self, key: str, value: Any, what: str) -> None:
        self.add_mistake(key, f"is missing; it must be {what}" if value is None else f"must be {what}")


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
