"""Builds the page of a proof. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.billing_runs.proof.figures import InvoiceProof, MeterProof, PeriodProof, SourceFigure, describe_finding
from app.statements.wording import format_amount, format_span, unit_for
from app.web.filters import quantity

Badge = tuple[str, str, str]

_NONE = "\N{EN DASH}"
_AGREES: Badge = ("Agrees", "good", "check")
_DIFFERS: Badge = ("Differs", "bad", "cross")
_NAMES: Mapping[str, str] = {
    "events": "Events, counted again",
    "counter": "Counter",
    "daily_totals": "Daily totals",
    "lines": "Lines, as billed",
    "page": "Usage charges page",
    "dashboard": "Dashboard",
    "api": "API",
    "csv": "CSV file",
}
_REASONS: Mapping[str, str] = {
    "voided": "voided, which takes them off the quantity",
    "imported": "imported, which are not charged",
    "refused": "refused by a limit in the last 30 days, and not counted",
}


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure as one source has it; a dash where it does not have it."""

    source: str
    quantity: str
    events: str
    amount: str
    badge: Badge
    note: str


@dataclass(frozen=True, slots=True)
class MeterCard:
    """A meter with its figures, and sentences on the events that are not part of it."""

    name: str
    rows: Sequence[FigureRow]
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True)
class ProofView:
    """The page. `verdict` is kind, title and words of the prompt at its top; `notes` say what was not compared."""

    title: str
    zone: str
    proof: PeriodProof
    verdict: tuple[str, str, str]
    meters: Sequence[MeterCard]
    invoices: Sequence[FigureRow]
    findings: Sequence[str]
    contents: str


def build_proof_view(proof: PeriodProof, zone: str) -> ProofView:
    """Build the page; days are in the zone."""
    findings = [_capitalise(f"{describe_finding(finding)}.") for finding in proof.findings]
    return ProofView(
        title=format_span(proof.period.start, proof.period.end, zone),
        zone=zone,
        proof=proof,
        verdict=_judge(proof),
        meters=[_build_meter(meter) for meter in proof.meters],
        invoices=[_build_invoice(invoice) for invoice in proof.invoices],
        findings=findings,
        contents=_describe_contents(proof),
    )


def _judge(proof: PeriodProof) -> tuple[str, str, str]:
    number = len(list(proof.list_differences()))
    if number:
        found = "One difference was found" if number == 1 else f"{number} differences were found"
        return "full", found, "They are named below."
    if not proof.meters:
        return "info", "Nothing was used", "This period has no events and no charges."
    return "info", "Everything agrees", "Each figure below is what the events of the period come to."


def _describe_contents(proof: PeriodProof) -> str:
    if not proof.contents:
        return "This period has too many events to compare each with what was sent. The sums above count all of them."
    return "" if proof.findings else "Every event is what was recorded: its content still matches what was sent."


def _build_meter(meter: MeterProof) -> MeterCard:
    left_out = [
        f"{quantity(each.events)} {'event' if each.events == 1 else 'events'}"
        f" ({quantity(each.quantity)} {unit_for(each.quantity, meter.unit)})"
        f" {_REASONS.get(each.reason, each.reason.replace('_', ' '))}"
        for each in meter.left_out
    ]
    return MeterCard(meter.name, [_build_row(figure, meter.currency) for figure in meter.figures], left_out)


def _build_row(figure: SourceFigure, currency: str) -> FigureRow:
    return FigureRow(
        source=_NAMES[figure.source],
        quantity=_NONE if figure.quantity is None else quantity(figure.quantity),
        events=_NONE if figure.events is None else quantity(figure.events),
        amount=_NONE if figure.amount is None else format_amount(figure.amount, currency),
        badge=_DIFFERS if figure.differs else _AGREES,
        note=_capitalise(figure.differs or figure.note),
    )


def _build_invoice(invoice: InvoiceProof) -> FigureRow:
    note = invoice.differs or "" if invoice.total is not None else "Stripe's total has more on it, or is not known yet."
    return FigureRow(
        source=f"Invoice {invoice.number}" if invoice.number else "Invoice that is not issued yet",
        quantity="",
        events=format_amount(invoice.lines, invoice.currency),
        amount=_NONE if invoice.total is None else format_amount(invoice.total, invoice.currency),
        badge=_DIFFERS
        if invoice.differs
        else _AGREES
        if invoice.total is not None
        else ("Not compared", "neutral", "minus"),
        note=note,
    )


def _capitalise(words: str) -> str:
    return words[:1].upper() + words[1:]
