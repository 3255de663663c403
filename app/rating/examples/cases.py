"""Reads the worked cases: `worked.toml` are our own, `named.toml` come from sources outside this project."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.kit.money import ZERO, exponent, to_minor
from app.rating.bounds import WHOLE

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ChargeExample:
    """A charge, as a catalogue writes it, with what is taken off first and how much of a minimum is owed."""

    model: str
    currency: str
    properties: Mapping[str, Any]
    allowance: Decimal = ZERO
    portion: Fraction = WHOLE


@dataclass(frozen=True, slots=True)
class RatingCase:
    """A quantity under a charge and what it must come to, in minor units; `exact` is None where a source rounds.

    `source` is the address and title of where a case comes from, `note` how its wording maps to our models.
    """

    name: str
    charge: ChargeExample
    quantity: Decimal
    exact: Decimal | None
    amount: int
    source: tuple[str, str] | None = None
    note: str = ""


def read_cases() -> list[RatingCase]:
    """Read all cases, our own first, each file in its order."""
    return [*_read_worked(), *_read_named()]


def _read_worked() -> Iterator[RatingCase]:
    for group in read_toml(_HERE / "worked.toml")["group"]:
        properties = dict(group["charge"])
        charge = ChargeExample(
            properties.pop("model"),
            properties.pop("currency", "USD"),
            properties,
            Decimal(group.get("allowance", "0")),
            Fraction(group.get("portion", "1")),
        )
        for quantity, exact, amount in group["cases"]:
            yield RatingCase(group["name"], charge, Decimal(quantity), Decimal(exact), amount)


def _read_named() -> Iterator[RatingCase]:
    for case in read_toml(_HERE / "named.toml")["case"]:
        charge = ChargeExample(case["model"], case["currency"], case["properties"], Decimal(case.get("allowance", "0")))
        amount = int(to_minor(Decimal(case["amount"]), exponent(case["currency"])))
        address, _, title = case["source"].partition(" (")
        source = (address, title.removesuffix(")"))
        yield RatingCase(case["name"], charge, Decimal(case["quantity"]), None, amount, source, case.get("note", ""))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of cases, its numbers as exact decimals."""
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
