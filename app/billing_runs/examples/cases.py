"""Reads the worked cases of late usage and rates them as the close does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from app.billing_runs.closing.late import Billed, subtract_billed
from app.billing_runs.closing.lines import LineRater
from app.catalog.definition import canonicalise_property
from app.invoices.service import LineFacts
from app.kit.money import ZERO
from app.kit.periods import Period
from app.rating.examples.cases import ChargeExample, read_toml
from app.rating.schemas import parse_charge
from app.statements.queries import PeriodRow

_FILE = Path(__file__).parent / "late.toml"
_NOBODY = UUID(int=0)
_NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class ExampleClose:
    """What was recorded before a close, voids below zero, and the amount of the line that it must write."""

    events: Sequence[Decimal]
    amount: int


@dataclass(frozen=True, slots=True)
class LateCase:
    """A charge and the closes that bill one period of it."""

    name: str
    charge: ChargeExample
    closes: Sequence[ExampleClose]


def read_late_cases() -> list[LateCase]:
    """Read all cases, in the order of the file."""
    return [_read(case) for case in read_toml(_FILE)["case"]]


def rate_case(case: LateCase) -> Iterator[LineFacts]:
    """Rate the closes of a case: the period's line, then the line of each difference."""
    charge, used, events, billed = case.charge, ZERO, 0, Billed()
    rater = LineRater({_NOBODY: parse_charge(charge.model, canonicalise(charge), charge.currency)})
    for close in case.closes:
        used, events = used + sum(close.events), events + len(close.events)
        whole = rater.state_line(_build_row(charge, used, events), _NOVEMBER)
        yield subtract_billed(whole, billed) if billed.events else whole
        billed = Billed(used, ZERO, events, whole.exact_amount, whole.amount)


def canonicalise(charge: ChargeExample) -> dict[str, Any]:
    """The properties of an example's charge, as the catalogue stores them."""
    return {key: canonicalise_property(value) for key, value in charge.properties.items()}


def _build_row(charge: ChargeExample, used: Decimal, events: int) -> PeriodRow:
    """One meter in November 2026."""
    return PeriodRow(
        _NOBODY, _NOVEMBER.start, _NOVEMBER.end, "UTC", charge.currency, 1, "charge", charge.allowance, None, None,
        "{}", used, ZERO, events, plan_changed=False, plan_version_id=_NOBODY, charge_id=_NOBODY,
    )  # fmt: skip


def _read(case: dict[str, Any]) -> LateCase:
    properties = dict(case["charge"])
    charge = ChargeExample(
        properties.pop("model"),
        properties.pop("currency", "USD"),
        properties,
        Decimal(case.get("allowance", "0")),
    )
    closes = [ExampleClose([Decimal(quantity) for quantity in events], amount) for events, amount in case["closes"]]
    return LateCase(case["name"], charge, closes)
