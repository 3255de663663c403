"""Reads a charge's properties, as TOML or JSON gave them, and names every wrong key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from app.kit.errors import FieldError
from app.kit.money import ZERO, parse_price, parse_quantity, to_minor

MOST_TIERS = 100


class Reader:
    """Gives values out by key and keeps what was wrong; `finish` reports keys that nobody asked for.

    Amounts are text in major units of the currency ("0.01") and come out as exact minor units (1).
    """

    def __init__(self, properties: Mapping[str, Any], places: int, path: str = "") -> None:
        self.errors: list[FieldError] = []
        self.places = places
        self._values = properties
        self._path = path
        self._asked: set[str] = set()

    def fail(self, key: str, detail: str) -> None:
        """Note that a key is wrong."""
        self.errors.append(FieldError(f"{self._path}{key}", detail))

    def money(self, key: str, default: Decimal | None = None) -> Decimal:
        """An amount, not negative, in minor units; required without a default."""
        return to_minor(self._read(key, parse_price, default), self.places)

    def quantity(self, key: str, default: Decimal | None = None) -> Decimal:
        """A number of units, not negative."""
        return self._read(key, parse_quantity, default)

    def rate(self, key: str) -> Decimal:
        """A percentage ("2.9") of a quantity of money in major units: minor units a unit (2.9)."""
        return to_minor(self._read(key, parse_price, None), self.places - 2)

    def bound(self, key: str) -> Decimal | None:
        """An upper bound; absent or null for none."""
        if self._values.get(key) is None:
            self._asked.add(key)
            return None
        return self.quantity(key)

    def rows(self, key: str) -> list[Reader]:
        """The readers of a list of tables, at most 100; whoever reads them brings their errors home."""
        self._asked.add(key)
        rows = self._values.get(key)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
            self.fail(key, "must be a list of at least one table")
            return []
        if len(rows) > MOST_TIERS:
            self.fail(key, f"must hold at most {MOST_TIERS} tables")
            return []
        return [Reader(row, self.places, f"{self._path}{key}[{place}].") for place, row in enumerate(rows)]

    def finish(self) -> list[FieldError]:
        """Every error, with one for each key that this model does not have."""
        for key in self._values:
            if key not in self._asked:
                self.fail(key, "is not a key of this model")
        return self.errors

    def _read(self, key: str, parse: Callable[[str], Decimal], default: Decimal | None) -> Decimal:
        self._asked.add(key)
        value = self._values.get(key)
        if value is None:
            if default is None:
                self.fail(key, "is missing")
            return default or ZERO
        try:
            return parse(_text(value))
        except ValueError as wrong:
            self.fail(key, str(wrong))
            return ZERO


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(Decimal(value), "f")
    raise ValueError('must be written as text, such as "0.01"')
