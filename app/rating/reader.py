"""Reads a charge's properties, parsed from TOML or JSON, and reports every invalid key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from app.kit.errors import FieldError
from app.kit.money import ZERO, exactly, parse_price, parse_quantity, to_minor

MOST_TIERS = 100
_PLACES = 30
_ONE = 10**_PLACES  # a multiple of every `per`


class Reader:
    """Reads values by key and collects errors; `collect_errors` also reports keys that were never read.

    Amounts are text in major units of the currency ("0.01"), returned as exact minor units (1). `per` is how many units
    a unit amount is written for.
    """

    def __init__(self, properties: Mapping[str, Any], places: int, path: str = "") -> None:
        self.errors: list[FieldError] = []
        self.places = places
        self.per = Decimal(1)
        self._values = properties
        self._path = path
        self._read_keys: set[str] = set()

    def add_error(self, key: str, detail: str) -> None:
        """Record an error at a key."""
        self.errors.append(FieldError(f"{self._path}{key}", detail))

    def unit_amount(self, key: str) -> Decimal:
        """The amount for one unit, written for `per` of them. Required."""
        amount = self.money(key)
        with exactly():
            return amount if self.per == 1 else amount * Decimal(_ONE // int(self.per)).scaleb(-_PLACES)

    def money(self, key: str, default: Decimal | None = None) -> Decimal:
        """A non-negative amount, in minor units. Required unless there is a default."""
        return to_minor(self._read(key, parse_price, default), self.places)

    def has(self, key: str) -> bool:
        """Whether a key has a value."""
        return self._values.get(key) is not None

    def optional_amount(self, key: str) -> Decimal | None:
        """An amount that could be charged: whole minor units. None when absent or null."""
        self._read_keys.add(key)
        amount = self.money(key) if self.has(key) else None
        if amount is not None and amount != amount.to_integral_value():
            self.add_error(key, f"must have at most {self.places} decimal places, as amounts of the currency have")
        return amount

    def choice(self, key: str, words: Collection[str]) -> str:
        """One of some words. Required."""
        self._read_keys.add(key)
        word = self._values.get(key)
        if word not in words:
            self.add_error(key, ("is missing; " if word is None else "") + "must be one of " + ", ".join(words))
            return next(iter(words))
        return str(word)

    def quantity(self, key: str, default: Decimal | None = None) -> Decimal:
        """A non-negative number of units. Required unless there is a default."""
        return self._read(key, parse_quantity, default)

    def rate(self, key: str) -> Decimal:
        """A percentage ("2.9") of money in major units, as minor units per major unit (2.9)."""
        return to_minor(self._read(key, parse_price, None), self.places - 2)

    def bound(self, key: str) -> Decimal | None:
        """An upper bound; None when absent or null."""
        if self._values.get(key) is None:
            self._read_keys.add(key)
            return None
        return self.quantity(key)

    def rows(self, key: str) -> list[Reader]:
        """A reader for each table in a list of at most 100. The caller must collect their errors."""
        self._read_keys.add(key)
        rows = self._values.get(key)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
            self.add_error(key, "must be a list of at least one table")
            return []
        if len(rows) > MOST_TIERS:
            self.add_error(key, f"must hold at most {MOST_TIERS} tables")
            return []
        readers = [Reader(row, self.places, f"{self._path}{key}[{index}].") for index, row in enumerate(rows)]
        for reader in readers:
            reader.per = self.per
        return readers

    def collect_errors(self) -> list[FieldError]:
        """All errors, including one for each key that the model does not have."""
        for key in self._values:
            if key not in self._read_keys:
                self.add_error(key, "is not a key of this model")
        return self.errors

    def _read(self, key: str, parse: Callable[[str], Decimal], default: Decimal | None) -> Decimal:
        self._read_keys.add(key)
        value = self._values.get(key)
        if value is None:
            if default is None:
                self.add_error(key, "is missing")
            return default or ZERO
        try:
            return parse(_text(value))
        except ValueError as wrong:
            self.add_error(key, str(wrong))
            return ZERO


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(Decimal(value), "f")
    raise ValueError('must be written as text, such as "0.01"')
