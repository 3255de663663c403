"""Reads the worked cases of late usage and rates them as the close does. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row

from app.billing_runs.closing.late import Billed, subtract_billed
from app.billing_runs.closing.lines import state_line
from app.catalog.definition import canonicalise_property
from app.invoices.service import LineFacts
from app.kit.money import ZERO
from app.rating.examples.cases import ChargeExample, read_toml

_FILE = Path(__file__).parent / "late.toml"
_NOBODY = UUID(int=0)


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


@dataclass(frozen=True, slots=True)
class _PeriodRow:
    """A row of `statements.queries.list_period_rows` for an example: one meter in November 2026."""

    used: Decimal
    events: int
    model: str
    properties: str
    currency: str
    allowance: Decimal
    meter_id: int = 1
    starts_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    ends_at: datetime = datetime(2026, 12, 1, tzinfo=UTC)
    time_zone: str = "UTC"
    plan_version_id: UUID = _NOBODY
    charge_id: UUID = _NOBODY
    imported: Decimal = ZERO
    policy: str = "charge"
    hard_limit: None = None
    cap: None = None
    sources: dict[str, str] = field(default_factory=dict)


def read_late_cases() -> list[LateCase]:
    """Read all cases, in the order of the file."""
    return [_read(case) for case in read_toml(_FILE)["case"]]


def rate_case(case: LateCase) -> Iterator[LineFacts]:
    """Rate the closes of a case: the period's line, then the line of each difference."""
    used, events, billed = ZERO, 0, Billed()
    for close in case.closes:
        used, events = used + sum(close.events), events + len(close.events)
        whole = state_line(cast("Row[Any]", _build_row(case.charge, used, events)))
        yield subtract_billed(whole, billed) if billed.events else whole
        billed = Billed(used, ZERO, events, whole.exact_amount, whole.amount)


def _build_row(charge: ChargeExample, used: Decimal, events: int) -> _PeriodRow:
    properties = {key: canonicalise_property(value) for key, value in charge.properties.items()}
    return _PeriodRow(used, events, charge.model, json.dumps(properties), charge.currency, charge.allowance)


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
