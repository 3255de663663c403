"""Explains a line: the formula, the steps to its amount, and what it was rated by. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.invoices.breakdown import Breakdown, read_breakdown, read_number
from app.invoices.models import FEE, InvoiceLine
from app.portal.invoices.discounts import add_discount, describe_discount
from app.portal.invoices.explain.formula import describe_formula
from app.portal.invoices.explain.steps import Step, build_steps
from app.portal.invoices.lines import UsageLine
from app.statements.wording import pluralise, unit_for
from app.subscriptions.terms.resolver import NOT_COLLECTED, OVERRIDE, RESTRICTION, TRIAL
from app.web.filters import quantity

SOURCES = {
    OVERRIDE: "agreed for your organisation",
    RESTRICTION: "reduced while a payment was overdue or the plan was paused",
    NOT_COLLECTED: "since no payment was collected",
    TRIAL: "during the trial",
}
_BEFORE_CHANGE = (
    "A change of plan does not lower what a period already owes: where the usage before it came to more by the terms of"
    " then than the whole period does by the terms at its end, the difference is charged."
)
_FEE = "The plan's price for the billing period, charged in advance."
_POLICIES = {"block": "Refused", "charge": "Charged", "warn": "Counted, at no charge"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A line explained. `steps` and `total` are empty where nothing was rated; `facts` are (name, value)."""

    formula: Sequence[str]
    steps: Sequence[Step]
    total: Sequence[str]
    facts: Sequence[tuple[str, str]]


def build_explanation(line: UsageLine) -> Explanation:
    """Build the explanation from what the close stored.

    Worked example: 60,000 calls, 50,000 of them included, a cent each: Used 60,000; Included -50,000; Charged for
    10,000; At the price, 10,000, $0.01 each, $100.00; Amount $100.00.
    """
    breakdown = read_breakdown(line.row.breakdown)
    steps, total = build_steps(line, breakdown) if breakdown or line.meter is None else ((), ())
    steps, total = add_discount(line, steps, total)
    return Explanation(list_formula(line, breakdown), steps, total, list(_list_facts(line)))


def list_formula(line: UsageLine, breakdown: Breakdown | None) -> list[str]:
    """The formula in sentences."""
    discount = describe_discount(line)
    if line.row.kind == FEE:
        return [_FEE]
    if line.meter is None:
        formula = [_BEFORE_CHANGE]
    elif breakdown is None:
        formula = ["No price applied to this usage, so nothing was calculated."]
    else:
        formula = describe_formula(*line.rated_by, line.row.currency, line.unit)
    return [*formula, discount] if discount else formula


def _list_facts(line: UsageLine) -> Iterator[tuple[str, str]]:
    row, unit = line.row, line.unit
    yield "Plan", f"{line.plan.name}, version {line.plan.number}"
    if line.meter is None:
        return
    yield "Events counted", quantity(row.events)
    if row.imported:
        words = f"{quantity(row.imported)} {unit_for(row.imported, unit)}"
        yield "Imported", f"{words}. Imported usage is not charged and is not part of the quantity."
    yield from _list_terms(row, unit)


def _list_terms(row: InvoiceLine, unit: str) -> Iterator[tuple[str, str]]:
    terms = row.terms
    allowance, cap = read_number(terms["allowance"]), read_number(terms["cap"])
    granted = "Unlimited" if allowance is None else f"{quantity(allowance)} {unit_for(allowance, unit)}"
    yield "Allowance", _with_source(granted, terms, "allowance")
    if allowance is not None and terms["policy"] is not None:
        yield "Above the allowance", _with_source(_describe_policy(row), terms, "charge" if row.reason else "policy")
    if cap is not None and cap != allowance:
        yield "Refused above", _with_source(f"{quantity(cap)} {pluralise(unit)}", terms, "cap")


def _describe_policy(row: InvoiceLine) -> str:
    return "Not charged" if row.reason else _POLICIES[row.terms["policy"]]


def _with_source(words: str, terms: Mapping[str, Any], key: str) -> str:
    source = SOURCES.get(terms["sources"].get(key, ""))
    return f"{words}, {source}" if source else words
