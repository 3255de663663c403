"""Issues an invoice of ours: its number, its days, and what it says from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices import queries
from app.invoices.document import Party
from app.invoices.models import DRAFT, OFFLINE, Invoice
from app.invoices.numbering import allot_number
from app.invoices.offline.keep import TASK as KEEP
from app.invoices.offline.models import OPEN, PAID, IssuedInvoice
from app.invoices.offline.terms import get_terms_days
from app.invoices.service import finalize
from app.kit import queue
from app.kit.actor import Actor
from app.kit.periods import midnight

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class InvoiceText:
    """What an invoice says beside its number, days and total: from and to whom, and what for.

    `series` begins its number; `bank` is where to pay; `order_number` and `note` are what the buyer wants on it.
    """

    series: str
    time_zone: str
    seller: Party
    buyer: Party
    lines: Sequence[Mapping[str, Any]]
    bank: str | None = None
    order_number: str | None = None
    note: str | None = None


def issue_invoice(
    session: Session, invoice: Invoice, text: InvoiceText, *, actor: Actor, now: datetime
) -> IssuedInvoice:
    """Make a draft of ours final, with a number. Its lines are on it, and come to no less than zero.

    The number is taken last: whoever issues another invoice waits until the caller's transaction ends. Audited.
    """
    if invoice.kind != OFFLINE or invoice.state != DRAFT:
        raise ValueError("only a draft of ours can be issued")
    total = sum(line.amount for line in queries.list_invoice_lines(session, invoice.org_id, invoice.id))
    issued_on = now.astimezone(ZoneInfo(text.time_zone)).date()
    due_on = issued_on + timedelta(days=get_terms_days(session, invoice.org_id))
    finalize(session, invoice, now)
    number = allot_number(session, text.series, issued_on)
    issued = IssuedInvoice(
        invoice_id=invoice.id,
        org_id=invoice.org_id,
        number=str(number),
        series=number.series,
        ordinal=number.ordinal,
        currency=invoice.currency,
        total=total,
        issued_at=now,
        issued_on=issued_on,
        due_on=due_on,
        due_at=midnight(due_on + _DAY, text.time_zone),
        time_zone=text.time_zone,
        seller={**asdict(text.seller), "bank": text.bank},
        buyer={**asdict(text.buyer), "order_number": text.order_number, "note": text.note},
        lines=[dict(line) for line in text.lines],
        state=OPEN if total else PAID,
        settled_at=None if total else now,
        next_mail_at=now if total else None,
    )
    session.add(issued)
    session.flush()
    queue.defer(session, KEEP, invoice_id=str(invoice.id))
    audit(session, actor, "invoice.issued", on=("invoice", invoice.id), org_id=invoice.org_id,
          after={"number": issued.number, "total": total, "currency": invoice.currency, "due_on": due_on.isoformat()},
          now=now)  # fmt: skip
    return issued
