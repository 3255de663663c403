"""Requests and responses of the API of usage invoices. Amounts are integers in the currency's minor unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from app.kit.fields import FreeObject, Instant
from app.payments.schemas import PlanHeld, Span
from app.rating.schemas import QuoteLine
from app.web.paging import Limit


class InvoicesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`next` is the cursor from the previous page."""

    limit: Limit = 20
    next: str | None = None


class UsageLineOut(msgspec.Struct):
    """What a meter's usage of a closed period comes to. `quantity` = `included` + `excess`, imported usage left out.

    `kind`: `usage` is what was counted when the period was closed, `late` what was recorded or voided since then,
    `before_change` is overage before a change of plan, of no meter. `fee` is a plan's price for the billing period, on
    an invoice that we send. `discount` is what the discounts on the plan take off `amount`, 0 until the line is on an
    invoice; `net_amount` is what is left.
    """

    id: str
    kind: Literal["usage", "late", "before_change", "fee"]
    meter: str | None
    name: str
    unit: str | None
    plan: PlanHeld
    period: Span
    quantity: Decimal
    included: Decimal
    excess: Decimal
    imported: Decimal
    events: int
    amount: int
    discount: int
    net_amount: int
    exact_amount: Decimal
    currency: str


class CreditedLineOut(msgspec.Struct):
    """A line of a credit note: `amount`, above zero, is taken off the line `credits_line` of the invoice.

    It is before tax, and after the part of a discount that went with it: the lines add up to the note. `quantity` is
    what was billed too much, below zero.
    """

    id: str
    credits_line: str
    meter: str | None
    name: str
    period: Span
    quantity: Decimal
    amount: int


class CreditNoteOut(msgspec.Struct):
    """A credit note on an invoice; `pending`: not issued yet, `number` and how it was settled are null.

    `amount` is before tax. `due_amount` lowered what was due, `refund_amount` was refunded, `balance_amount` is kept
    for the next invoices; with tax.
    """

    id: str
    state: Literal["pending", "issued"]
    number: str | None
    currency: str
    amount: int
    due_amount: int | None
    refund_amount: int | None
    balance_amount: int | None
    pdf_url: str | None
    created_at: Instant
    issued_at: Instant | None
    lines: list[CreditedLineOut]


class InvoiceOut(msgspec.Struct):
    """An invoice with usage on it.

    `kind`: `renewal` is a plan's renewal at Stripe, `manual` one of its own there, `offline` one that we send. `state`
    `draft`: not issued yet. `number`, `status`, `total` and the addresses are Stripe's, null where it has none; of
    one that we send, `status` is `open`, `paid`, `void` or `written_off`. `usage_amount` is what the usage comes to
    before `usage_discount`, `total` has the plan's fee, tax and discounts in it. `amount_due` is still to be paid, by
    `due_at`: null where Stripe charges a card. The lines of a void one move to another invoice. Neither amount
    changes once the invoice is issued: what was billed too much is in `credit_notes`.
    """

    id: str
    kind: Literal["renewal", "manual", "offline"]
    state: Literal["draft", "final"]
    number: str | None
    status: str | None
    currency: str
    usage_amount: int
    usage_discount: int
    total: int | None
    amount_due: int | None
    due_at: Instant | None
    hosted_url: str | None
    pdf_url: str | None
    created_at: Instant
    lines: list[UsageLineOut]
    credit_notes: list[CreditNoteOut]


class InvoicesAnswer(msgspec.Struct):
    """Newest first; `next` is null on the last page."""

    invoices: list[InvoiceOut]
    next: str | None


class LateUsageOut(msgspec.Struct):
    """An event that came after its usage period was closed, and the line that billed it; null: the next close does.

    Events below zero are voids: `voids` is the id of the event that is reversed, `reason` says why. `amount` is the
    line's, for all events that it bills; `credit_note` is the number of the credit note that it is on.
    """

    id: str
    meter: str
    quantity: Decimal
    occurred_at: Instant
    recorded_at: Instant
    source: str
    voids: str | None
    reason: str | None
    period: Span
    closed_at: Instant
    line: str | None
    amount: int | None
    currency: str | None
    invoice: str | None
    invoice_number: str | None
    credit_note: str | None
    standing: str


class LateUsageAnswer(msgspec.Struct):
    """Recorded last first; `next` is null on the last page."""

    events: list[LateUsageOut]
    next: str | None


class RatedBy(msgspec.Struct):
    """The terms that a line was rated by. Null: unlimited, or none. `sources` names what is not the plan's own."""

    policy: str | None
    allowance: Decimal | None
    hard_limit: Decimal | None
    cap: Decimal | None
    sources: dict[str, str]
    model: str | None
    properties: FreeObject | None


class ExplanationAnswer(msgspec.Struct):
    """How a line's amount came about; decimal strings are exact, in major units, as in `POST /quotes`.

    `quantity` less `included` is the `excess`, which becomes `units` where the charge divides it. The subtotals of
    `steps`, with `minimum` or `maximum` where they change anything, add up to `exact_amount`; `amount` is rounded,
    `discount` is taken off that.
    """

    line: UsageLineOut
    formula: list[str]
    units: Decimal
    steps: list[QuoteLine]
    minimum: Decimal | None
    maximum: Decimal | None
    rated_by: RatedBy


class LineEventsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`next` is the cursor from the previous page."""

    limit: Limit = 50
    next: str | None = None


class LineEventOut(msgspec.Struct):
    """An event of a line's period. `counted`: it is in the line's quantity; otherwise `reason` says why not.

    `value` is what a `unique` meter counts of it.
    """

    id: str
    occurred_at: Instant
    recorded_at: Instant
    source: str
    quantity: Decimal
    value: str | None
    counted: bool
    reason: Literal["voided", "imported", "not billed", "on an earlier line", "recorded later"] | None


class LineEventsAnswer(msgspec.Struct):
    """Events in the order of their time; `next` is null on the last page."""

    events: list[LineEventOut]
    next: str | None
