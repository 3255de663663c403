"""What a proof says: the same figure from every source, and how it differs from what the events come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.kit.periods import Period
from app.metering.verification.contents import EventFinding

EVENTS, COUNTER, DAILY_TOTALS, LINES = "events", "counter", "daily_totals", "lines"


@dataclass(frozen=True, slots=True)
class SourceFigure:
    """A figure as one source has it. `amount` is in minor units; None: the source does not have it.

    `differs` says how it is not what the events come to, `note` what is to be known of one that agrees.
    """

    source: str
    quantity: Decimal | None = None
    events: int | None = None
    amount: int | None = None
    differs: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Omission:
    """Events that are not part of a quantity, or take from it, and why."""

    reason: str
    events: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class MeterProof:
    """A meter of the period; `key` is None for overage before a change of plan. The events' own figure comes first."""

    key: str | None
    name: str
    unit: str
    currency: str
    figures: Sequence[SourceFigure]
    left_out: Sequence[Omission] = ()

    @property
    def differing(self) -> Sequence[SourceFigure]:
        """The figures that are not what the events come to."""
        return [figure for figure in self.figures if figure.differs]


@dataclass(frozen=True, slots=True)
class InvoiceProof:
    """An invoice that the period's lines are on: what its lines come to, and what Stripe says before tax and discounts.

    `total` is None where Stripe's has more on it, such as a plan's fee, or has not been mirrored.
    """

    id: UUID
    number: str | None
    currency: str
    lines: int
    total: int | None
    differs: str = ""


@dataclass(frozen=True, slots=True)
class PeriodProof:
    """The proof of a period, as of one instant of the database. `findings`: events that are not what was recorded.

    `contents`: whether the events themselves were compared with what was sent.
    """

    org_id: UUID
    period: Period
    closed_at: datetime | None
    as_of: datetime
    time_zone: str
    meters: Sequence[MeterProof]
    invoices: Sequence[InvoiceProof]
    findings: Sequence[EventFinding]
    contents: bool

    @property
    def figures(self) -> int:
        """How many figures were compared."""
        return sum(len(meter.figures) for meter in self.meters) + len(self.invoices)

    @property
    def proven(self) -> bool:
        """Whether everything is what the events come to, and every event what was recorded."""
        return not any(True for _ in self.list_differences())

    def list_differences(self) -> Iterator[str]:
        """Name every difference in a sentence."""
        for meter in self.meters:
            for figure in meter.differing:
                yield f"{meter.name}: {figure.source}: {figure.differs}"
        for invoice in self.invoices:
            if invoice.differs:
                yield f"invoice {invoice.number or invoice.id}: {invoice.differs}"
        for finding in self.findings:
            if finding.certain:
                yield describe_finding(finding)


def describe_finding(finding: EventFinding) -> str:
    """Say what is wrong with an event."""
    what = {
        "changed": "is not what was sent" if finding.certain else
                   "does not match what was sent; its user, client or metadata may have been renamed or erased since",
        "moved": "does not have the time that it was recorded with",
        "missing": "was recorded and is gone",
        "unclaimed": "was never recorded by an id",
    }[finding.what]  # fmt: skip
    name = finding.event_id or f"with key {finding.key}"
    return f"event {name}, {finding.occurred_at:%Y-%m-%d %H:%M:%S} UTC, {what}"
