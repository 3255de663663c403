"""The worked cases that the tests run, computed by the rating and explained as lines of an invoice are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import cast
from uuid import UUID

from app.billing_runs.examples.cases import ExampleClose, LateCase, canonicalise, rate_case, read_late_cases
from app.catalog.export import render_charge
from app.catalog.models import Meter
from app.invoices.breakdown import read_breakdown, store_rating
from app.invoices.charges import LineCharge
from app.invoices.service import LineFacts, build_line
from app.kit.money import ZERO
from app.kit.periods import Period
from app.portal.invoices.explain.explanation import list_formula
from app.portal.invoices.explain.steps import Step, build_steps
from app.portal.invoices.lines import UsageLine
from app.rating import price
from app.rating.bounds import WHOLE
from app.rating.examples.cases import ChargeExample, RatingCase, read_cases
from app.rating.schemas import MODELS, parse_charge
from app.statements.wording import format_amount, unit_for
from app.web.filters import quantity

LATE_USAGE = "late-usage"
_NOBODY = UUID(int=0)
_MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class _Units:
    """The meter of the examples, as far as lines show it."""

    key: str = "units"
    name: str = "Units"
    unit: str = "unit"


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case: the quantity in words, the amount, and the steps from one to the other."""

    label: str
    amount: str
    steps: Sequence[Step]
    total: Sequence[str]


@dataclass(frozen=True, slots=True)
class GroupView:
    """Cases under one charge. `source` is the address and title of where they come from, empty for our own."""

    title: str
    charge: str
    formula: Sequence[str]
    facts: Sequence[tuple[str, str]]
    source: tuple[str, str]
    cases: Sequence[CaseView]


@dataclass(frozen=True, slots=True)
class SubjectView:
    """A page of examples: a pricing model, or late usage. `named`: how many come from sources outside this project."""

    key: str
    title: str
    lead: str
    groups: Sequence[GroupView]
    count: int
    named: int


def build_subjects() -> dict[str, SubjectView]:
    """Build the pages by the name in their address: one a pricing model, then late usage."""
    cases = read_cases()
    subjects = [_build_model(model, [case for case in cases if case.charge.model == model]) for model in MODELS]
    return {subject.key: subject for subject in [*subjects, _build_late(read_late_cases())]}


def _build_model(model: str, cases: Sequence[RatingCase]) -> SubjectView:
    groups = [_build_group(list(group)) for _, group in groupby(cases, key=_group_key)]
    title = model.replace("_", " ").capitalize()
    named = sum(case.source is not None for case in cases)
    lead = groups[0].formula[0]
    return SubjectView(model.replace("_", "-"), title, lead, groups, len(cases), named)


def _group_key(case: RatingCase) -> object:
    """Cases of another source stand together where source and charge are the same; our own are grouped by name."""
    charge = case.charge
    place = (case.source, case.note) if case.source else case.name
    return place, charge.currency, charge.allowance, charge.portion, repr(charge.properties)


def _build_group(cases: Sequence[RatingCase]) -> GroupView:
    first, lines = cases[0], [_rate(case) for case in cases]
    return GroupView(
        title=first.source[1] if first.source else _capitalise(first.name),
        charge=_render(first.charge),
        formula=_describe(lines[0]),
        facts=[*_list_facts(first.charge), *([("Note", _capitalise(first.note))] if first.note else [])],
        source=first.source or ("", ""),
        cases=[_build_case(_say(case.quantity), line) for case, line in zip(cases, lines, strict=True)],
    )


def _rate(case: RatingCase) -> UsageLine:
    """A line of an invoice for a case, from what the rating returns."""
    charge = case.charge
    properties = canonicalise(charge)
    parsed = parse_charge(charge.model, properties, charge.currency)
    rated = price(parsed, case.quantity, charge.allowance, minimum_portion=charge.portion)
    terms = {"allowance": str(charge.allowance)}
    facts = LineFacts(
        1, _MONTH, _NOBODY, case.quantity, ZERO, 1, charge.currency, rated.amount, rated.rounded, None, terms,
        store_rating(rated),
    )  # fmt: skip
    return _name(facts, LineCharge(charge.model, properties))


def _name(facts: LineFacts, charge: LineCharge) -> UsageLine:
    line = build_line(_NOBODY, facts, _MONTH.end)
    return UsageLine(line, cast("Meter", _Units()), plan=None, charge=charge)  # type: ignore[arg-type]  # an example is of no plan


def _build_late(cases: Sequence[LateCase]) -> SubjectView:
    lead = (
        "Usage that is recorded or voided after its period was closed is rated with all of that period, by its terms."
        " The difference to what was billed before is a line on the next invoice."
    )
    count = sum(len(case.closes) - 1 for case in cases)
    return SubjectView(LATE_USAGE, "Late usage", lead, [_build_late_group(case) for case in cases], count, 0)


def _build_late_group(case: LateCase) -> GroupView:
    charge = LineCharge(case.charge.model, canonicalise(case.charge))
    lines = [_name(facts, charge) for facts in rate_case(case)]
    return GroupView(
        title=case.name,
        charge=_render(case.charge),
        formula=_describe(lines[0]),
        facts=_list_facts(case.charge),
        source=("", ""),
        cases=[
            _build_case(_describe_close(number, close), line)
            for number, (close, line) in enumerate(zip(case.closes, lines, strict=True))
        ],
    )


def _describe_close(number: int, close: ExampleClose) -> str:
    """What was recorded before a close: "Used in time: 60,000 units", "Late: 100 units used, 300 units voided"."""
    if number == 0:
        return f"Used in time: {_say(sum(close.events, Decimal(0)))}"
    parts = [f"{_say(abs(event))} {'voided' if event < 0 else 'used'}" for event in close.events]
    return f"Late: {', '.join(parts)}"


def _build_case(label: str, line: UsageLine) -> CaseView:
    breakdown = read_breakdown(line.row.breakdown)
    steps, total = build_steps(line, breakdown)
    return CaseView(label, format_amount(line.row.amount, line.row.currency), steps, total)


def _describe(line: UsageLine) -> Sequence[str]:
    return list_formula(line, read_breakdown(line.row.breakdown))


def _render(charge: ChargeExample) -> str:
    return render_charge({"model": charge.model, "currency": charge.currency, **charge.properties})


def _list_facts(charge: ChargeExample) -> list[tuple[str, str]]:
    facts = [("Allowance", _say(charge.allowance))] if charge.allowance else []
    if charge.portion == 0:
        facts.append(("Minimum", "None is owed, as in a trial."))
    elif charge.portion != WHOLE:
        facts.append(("Minimum", f"{charge.portion} of it is owed: the period is that part of a month."))
    return facts


def _say(units: Decimal) -> str:
    return f"{quantity(units)} {unit_for(units, 'unit')}".replace("-", "\N{MINUS SIGN}")


def _capitalise(words: str) -> str:
    words = words.removeprefix("… and ")
    return words[:1].upper() + words[1:]
