"""Requests, responses and examples of the staff API for billing runs."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.kit.fields import Instant
from app.web.paging import Limit


class ClosesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`days` is how far back; what is not finished is always listed. `failed`: only what failed last."""

    days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 31
    failed: bool = False
    limit: Limit = 100


class CloseOut(msgspec.Struct):
    """The close of a usage period. `error` says why the last attempt failed; null once it is past.

    `amount` is null where there was no usage. `invoice_kind` null: it costs nothing, or waits for the next invoice.
    `number` is that of an invoice of ours (`offline`).
    """

    org_id: str
    org: str
    period_start: Instant
    period_end: Instant
    rated_at: Instant | None
    billed_at: Instant | None
    amount: int | None
    currency: str | None
    invoice_kind: str | None
    stripe_invoice_id: str | None
    number: str | None
    failures: int
    error: str | None


class CurrencyTotal(msgspec.Struct):
    """What the usage came to in one currency; currencies are never added up."""

    currency: str
    amount: int
    periods: int


class WaitingOut(msgspec.Struct):
    """Lines that wait for an invoice. `left`: the organisation pays in `running_currency` now, so none will bill them.

    `amount` is below zero where it is to be taken off the next invoice.
    """

    org_id: str
    org: str
    amount: int
    currency: str
    lines: int
    running_currency: str | None
    left: bool


class FailingNoteOut(msgspec.Struct):
    """A credit note that is not issued: it failed, or waits, as `error` says. `amount` is before tax.

    `invoice` is the number of an invoice of ours, or Stripe's id.
    """

    id: str
    org_id: str
    org: str
    invoice: str | None
    amount: int
    currency: str
    opened_at: Instant
    error: str


class ClosesAnswer(msgspec.Struct):
    """The latest closes, `limit` of `periods`; totals and counts are of all of them.

    `waiting`, what no invoice will bill first, and `failing_notes` are of all periods, at most `limit` of each.
    """

    closes: list[CloseOut]
    totals: list[CurrencyTotal]
    orgs: int
    periods: int
    unfinished: int
    failing: int
    waiting: list[WaitingOut]
    failing_notes: list[FailingNoteOut]


CLOSES = {
    "closes": [
        {
            "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
            "org": "High Tide Documents",
            "period_start": "2026-11-01T00:00:00Z",
            "period_end": "2026-12-01T00:00:00Z",
            "rated_at": "2026-12-01T01:00:00Z",
            "billed_at": "2026-12-01T01:00:02Z",
            "amount": 2000,
            "currency": "USD",
            "invoice_kind": "renewal",
            "stripe_invoice_id": "in_1QxY7rB2eZvKYlo2uS3dXk8q",
            "number": None,
            "failures": 0,
            "error": None,
        }
    ],
    "totals": [{"currency": "USD", "amount": 2000, "periods": 1}],
    "orgs": 1,
    "periods": 1,
    "unfinished": 0,
    "failing": 0,
    "waiting": [
        {
            "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
            "org": "High Tide Documents",
            "amount": 20,
            "currency": "USD",
            "lines": 1,
            "running_currency": "EUR",
            "left": True,
        }
    ],
    "failing_notes": [],
}
