"""Compares the terms of closed periods with the plan that was agreed: billed as agreed, or why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.invoices.breakdown import read_number
from app.portal.invoices.explain.explanation import SOURCES
from app.portal.invoices.lines import ClosedPeriod, UsageLine
from app.statements.offers import Offer
from app.statements.wording import format_amount, format_span
from app.subscriptions.terms.resolver import CHARGE

AGREED = ("As agreed", "good", "check")
CHANGED = ("Changed for a reason", "accent", "info")
UNEXPLAINED = ("Not as agreed", "bad", "alert")
_NAMES = {"policy": "above the allowance", "allowance": "allowance", "hard_limit": "limit", CHARGE: "price"}


@dataclass(frozen=True, slots=True)
class ContractRow:
    """A line of a closed period: what it came to, and by which terms. `verdict` is (label, tone, icon)."""

    days: str
    name: str
    amount: str
    verdict: tuple[str, str, str]
    note: str
    href: str


def list_contract_rows(
    periods: Sequence[ClosedPeriod], offers: Mapping[UUID, Offer], zone: str, address: Callable[[UUID], str]
) -> list[ContractRow]:
    """List the lines of meters with how their terms compare to the plan version that the period was on.

    `address` gives the page of a line by its id.
    """
    return [
        _build_row(line, offers.get(line.row.plan_version_id), zone, address(line.row.id))
        for period in periods
        for line in period.lines
        if line.meter is not None
    ]


def list_differences(line: UsageLine, offer: Offer) -> Iterator[tuple[str, str | None]]:
    """Yield what a line was billed by that its plan version says otherwise, each with the reason recorded for it.

    Worked example: an allowance of 60,000 agreed with staff, where the plan has 50,000: ("allowance", "agreed for your
    organisation").
    """
    terms, meter = line.row.terms, line.meter.key if line.meter else ""
    granted, charge = offer.meters.get(meter), offer.charges.get((meter, line.row.currency))
    granting = offer.terms(meter, line.row.currency)  # also of a meter that the plan does not mention
    rule = granted.rule if granted else None
    agreed = {
        "policy": granting.policy,
        "allowance": granting.allowance,
        "hard_limit": rule.hard_limit if rule else None,
        CHARGE: (charge.model, dict(charge.properties)) if charge and granting.charge is not None else None,
    }
    billed = {
        "policy": terms["policy"],
        "allowance": read_number(terms["allowance"]),
        "hard_limit": read_number(terms["hard_limit"]),
        CHARGE: line.charge and (line.charge.model, dict(line.charge.properties)),
    }
    for name, value in billed.items():
        if value != agreed[name]:
            yield name, SOURCES.get(terms["sources"].get(name, ""))


def _build_row(line: UsageLine, offer: Offer | None, zone: str, href: str) -> ContractRow:
    row = line.row
    verdict, note = _judge(line, offer)
    days = format_span(row.period_start, row.period_end, zone)
    return ContractRow(days, line.name, format_amount(row.amount, row.currency), verdict, note, href)


def _judge(line: UsageLine, offer: Offer | None) -> tuple[tuple[str, str, str], str]:
    plan = f"{line.plan.name}, version {line.plan.number}"
    if offer is None:
        return UNEXPLAINED, f"{plan} is not in the catalogue."
    found = list(list_differences(line, offer))
    if not found:
        return AGREED, f"{plan}."
    notes = "; ".join(f"{_NAMES[name]} {reason or 'differs from the plan'}" for name, reason in found)
    return CHANGED if all(reason for _, reason in found) else UNEXPLAINED, f"{plan}: {notes}."
