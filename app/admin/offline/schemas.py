"""Requests, responses and examples of the staff API for our own invoices."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.invoices.offline.models import MOST_DAYS
from app.kit.fields import Instant, Reason
from app.payments.offline.record import MOST_REFERENCE
from app.web.paging import Limit


class IssuedQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`overdue` finds what is open after its due day; `next` is the cursor from the previous page."""

    state: Literal["open", "overdue", "paid", "written_off", "void"] | None = None
    limit: Limit = 50
    next: str | None = None


class IssuedOut(msgspec.Struct):
    """An invoice of ours. `amount_due` is still to be paid; `reason` is that of a void, or of writing it off."""

    id: str
    org_id: str
    number: str
    state: Literal["open", "paid", "void", "written_off"]
    overdue: bool
    currency: str
    total: int
    paid: int
    amount_due: int
    issued_on: date
    due_on: date
    due_at: Instant
    reason: str | None


class OwedTotal(msgspec.Struct):
    """What is open in one currency, and the part of it that is overdue; currencies are never added up."""

    currency: str
    open: int
    invoices: int
    overdue: int
    overdue_invoices: int


class IssuedAnswer(msgspec.Struct):
    """Newest first; `owed` is of all invoices, whatever the filter."""

    invoices: list[IssuedOut]
    owed: list[OwedTotal]
    next: str | None


class PaymentRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`amount` in minor units of the invoice's currency, at most what is due; `reference` is the bank's."""

    day: date
    amount: Annotated[int, Meta(gt=0, le=2**53)]
    reference: Annotated[str, Meta(min_length=1, max_length=MOST_REFERENCE)]


class PaymentAnswer(msgspec.Struct):
    """Whether the payment is new, and the invoice after it."""

    recorded: bool
    invoice: IssuedOut


class ReversalAnswer(msgspec.Struct):
    """Whether the payment was reversed by this call, and the invoice after it."""

    reversed: bool
    invoice: IssuedOut


class SettleRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why; recorded in the audit log."""

    reason: Reason


class TermsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Within how many days the organisation's next invoices are due."""

    days: Annotated[int, Meta(ge=0, le=MOST_DAYS)]


class TermsAnswer(msgspec.Struct):
    """The terms in force."""

    days: int


PAYMENT = {"day": "2026-12-10", "amount": 4900, "reference": "Transfer 4711"}
REASON = {"reason": "Wrong address"}
TERMS = {"days": 30}
ISSUED: dict[str, Any] = {
    "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e40",
    "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
    "number": "INV-2026-0041",
    "state": "open",
    "overdue": False,
    "currency": "USD",
    "total": 14900,
    "paid": 4900,
    "amount_due": 10000,
    "issued_on": "2026-12-01",
    "due_on": "2026-12-15",
    "due_at": "2026-12-16T00:00:00Z",
    "reason": None,
}
ISSUED_LIST = {
    "invoices": [ISSUED],
    "owed": [{"currency": "USD", "open": 10000, "invoices": 1, "overdue": 0, "overdue_invoices": 0}],
    "next": None,
}
PAID = {"recorded": True, "invoice": ISSUED}
MISTAKE = {"reason": "Another customer's transfer"}
REVERSED = {"reversed": True, "invoice": ISSUED}
VOIDED = ISSUED | {"state": "void", "paid": 0, "amount_due": 0, "reason": "Wrong address"}
WRITTEN = ISSUED | {"state": "written_off", "amount_due": 0, "reason": "Wrong address"}
