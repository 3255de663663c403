"""Request and response of the API of proofs. Amounts are integers in the currency's minor unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.billing_runs.proof.figures import MeterProof, PeriodProof
from app.kit.fields import Instant
from app.payments.schemas import Span


class ProofQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`at` is any time of the usage period; now, if left out."""

    at: Instant | None = None


class ProofFigure(msgspec.Struct):
    """A figure as one source has it, null where it does not. `detail` says how it differs, or what to know."""

    source: str
    quantity: Decimal | None
    events: int | None
    amount: int | None
    agrees: bool
    detail: str


class ProofOmission(msgspec.Struct):
    """Events that are not part of the quantity, or take from it: `voided`, `imported`, `refused`."""

    reason: str
    events: int
    quantity: Decimal


class ProofMeter(msgspec.Struct):
    """A meter. The figure counted again comes first; `meter` is null for overage before a change of plan."""

    meter: str | None
    name: str
    currency: str
    figures: list[ProofFigure]
    left_out: list[ProofOmission]


class ProofInvoice(msgspec.Struct):
    """An invoice of the period's lines: what they come to, and Stripe's total where it has nothing else on it."""

    id: str
    number: str | None
    currency: str
    lines: int
    total: int | None
    agrees: bool


class ProofEvent(msgspec.Struct):
    """An event that is not what was recorded: `changed`, `moved`, `missing` or `unclaimed`.

    `certain` false: what it names may have been renamed or erased since. `id` is null where it is gone.
    """

    problem: str
    id: str | None
    meter: str | None
    occurred_at: Instant
    certain: bool


class ProofAnswer(msgspec.Struct):
    """The proof of a usage period, from one snapshot. `contents`: each event was compared with what was sent."""

    period: Span
    closed_at: Instant | None
    as_of: Instant
    proven: bool
    differences: list[str]
    meters: list[ProofMeter]
    invoices: list[ProofInvoice]
    events: list[ProofEvent]
    contents: bool


def build_proof_answer(proof: PeriodProof) -> ProofAnswer:
    """Build the response."""
    return ProofAnswer(
        period=Span(proof.period.start, proof.period.end),
        closed_at=proof.closed_at,
        as_of=proof.as_of,
        proven=proof.proven,
        differences=list(proof.list_differences()),
        meters=[_build_meter(meter) for meter in proof.meters],
        invoices=[
            ProofInvoice(str(each.id), each.number, each.currency, each.lines, each.total, not each.differs)
            for each in proof.invoices
        ],
        events=[
            ProofEvent(each.what, each.event_id, each.meter, each.occurred_at, each.certain) for each in proof.findings
        ],
        contents=proof.contents,
    )


def _build_meter(meter: MeterProof) -> ProofMeter:
    figures = [
        ProofFigure(each.source, each.quantity, each.events, each.amount, not each.differs, each.differs or each.note)
        for each in meter.figures
    ]
    left_out = [ProofOmission(each.reason, each.events, each.quantity) for each in meter.left_out]
    return ProofMeter(meter.key, meter.name, meter.currency, figures, left_out)


def _figure(
    source: str, quantity: str | None, events: int | None, amount: int | None, detail: str = ""
) -> dict[str, Any]:
    return {
        "source": source, "quantity": quantity, "events": events, "amount": amount, "agrees": True, "detail": detail,
    }  # fmt: skip


PROOF: dict[str, Any] = {
    "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "closed_at": "2026-12-01T01:00:00Z",
    "as_of": "2026-12-02T09:30:00Z",
    "proven": True,
    "differences": [],
    "meters": [
        {
            "meter": "api_calls",
            "name": "API calls",
            "currency": "USD",
            "figures": [
                _figure("events", "60000", 412, 2000),
                _figure("counter", "60000", 412, None),
                _figure("daily_totals", None, None, None, "30 days, each what its events come to"),
                _figure("lines", "60000", 412, 2000),
                _figure("page", None, None, 2000),
                _figure("api", "60000", 412, 2000),
                _figure("csv", "60000", 412, 2000),
            ],
            "left_out": [{"reason": "refused", "events": 3, "quantity": "3"}],
        }
    ],
    "invoices": [
        {
            "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e30",
            "number": "TK-0002",
            "currency": "USD",
            "lines": 2000,
            "total": 2000,
            "agrees": True,
        }
    ],
    "events": [],
    "contents": True,
}
