"""Reads the documents that an organisation was billed by, as its account has them, with what stands on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.invoices import queries as invoices
from app.invoices.models import DROPPED
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import find_issued
from app.kit.ids import parse_id
from app.kit.periods import Period
from app.payments import queries as payments
from app.payments.models import StripeInvoice, StripePrice
from app.portal.invoices.lines import UsageLine, read_lines

INVOICE, NOTE = "invoice", "credit_note"
INVOICE_EVENTS = (INVOICE, "invoice_voided")
EVENTS = (*INVOICE_EVENTS, NOTE, "credit_note_voided", "credit_refunded", "credit_refund_failed")
"""What of an account is billed, or taken back of it; payments, refunds and write-offs are not."""
_PAGE = 50
_DOCUMENTS = text("""
SELECT at, event, amount, currency, document, invoice, source
FROM (SELECT * FROM payments_account UNION ALL SELECT * FROM invoices_account) moved
WHERE org_id = :org AND event = ANY (:events) AND (CAST(:invoice AS text) IS NULL OR invoice = :invoice)
  AND at >= :start AND at < :end AND (at, source, event) > (:start, :source, :event)
ORDER BY at, source, event LIMIT :most
""")
_ALWAYS = Period(datetime.fromisoformat("1970-01-01T00:00Z"), datetime.fromisoformat("9999-01-01T00:00Z"))


@dataclass(frozen=True, slots=True)
class BilledMovement:
    """What changed the account: `document` is a number, `invoice` the id of the invoice that it is about."""

    at: datetime
    event: str
    amount: int
    currency: str
    document: str | None
    invoice: str | None
    source: str


@dataclass(frozen=True, slots=True)
class BilledDocument:
    """A movement with the invoice that it is about, and the lines of ours that stand on the document itself."""

    moved: BilledMovement
    remote: StripeInvoice | None = None
    issued: IssuedInvoice | None = None
    lines: Sequence[UsageLine] = ()

    @property
    def invoiced_at(self) -> datetime | None:
        """When the invoice was issued."""
        return self.issued.issued_at if self.issued else self.remote.finalized_at if self.remote else None


def iterate_month(session: Session, org_id: UUID, month: Period) -> Iterator[Sequence[BilledDocument]]:
    """Yield the documents of a month in their order, by page, each in eleven queries at most."""
    yield from _iterate(session, org_id, EVENTS, month, None)


def iterate_invoice(session: Session, org_id: UUID, invoice: str) -> Iterator[Sequence[BilledDocument]]:
    """Yield an invoice, by the id that the account has it under, and its void if it is void."""
    yield from _iterate(session, org_id, INVOICE_EVENTS, _ALWAYS, invoice)


def find_invoice_source(session: Session, org_id: UUID, named: str) -> str | None:
    """Find under which id the account has an issued invoice of the org; None for a draft, and for another org's."""
    ours = parse_id(named)
    if ours is not None:
        invoice = invoices.find_invoices(session, org_id, [ours]).get(ours)
        if invoice is None or invoice.state == DROPPED:
            return None
        named = invoice.stripe_invoice_id or (str(ours) if find_issued(session, org_id, [ours]) else "")
        if not invoice.stripe_invoice_id:
            return named or None
    remote = payments.find_invoices_by_id(session, org_id, [named]).get(named)
    return named if remote is not None and remote.finalized_at is not None else None


def load_prices(session: Session, documents: Sequence[BilledDocument]) -> dict[str, StripePrice]:
    """Load the plans' prices that Stripe's lines name, by their ids."""
    lines = [
        line for each in documents if each.remote and each.moved.event == INVOICE for line in each.remote.lines or []
    ]
    return payments.find_prices(session, {line["price"] for line in lines if line.get("price")})


def _iterate(
    session: Session, org_id: UUID, events: Sequence[str], span: Period, invoice: str | None
) -> Iterator[Sequence[BilledDocument]]:
    asked = {"org": org_id, "events": list(events), "invoice": invoice, "end": span.end, "most": _PAGE}
    start, source, event = span.start, "", ""
    while True:
        place = {"start": start, "source": source, "event": event}
        page = [BilledMovement(*row) for row in session.execute(_DOCUMENTS, asked | place)]
        if page:
            yield _load(session, org_id, page)
            start, source, event = page[-1].at, page[-1].source, page[-1].event
        if len(page) < _PAGE:
            return


def _load(session: Session, org_id: UUID, page: Sequence[BilledMovement]) -> list[BilledDocument]:
    named = {moved.invoice for moved in page if moved.invoice}
    own = {name: found for name in named if (found := parse_id(name))}
    remote = payments.find_invoices_by_id(session, org_id, [name for name in named if name not in own])
    own |= invoices.find_ids_by_stripe_id(session, org_id, list(remote))
    issued = find_issued(session, org_id, list(own.values()))
    lines = _load_lines(session, org_id, list(own.values()))
    return [
        BilledDocument(
            moved,
            remote.get(moved.invoice or ""),
            issued.get(own[moved.invoice]) if moved.invoice in own else None,
            lines[_find_key(moved, own)] if moved.event in {INVOICE, NOTE} else (),
        )
        for moved in page
    ]


def _find_key(moved: BilledMovement, own: dict[str, UUID]) -> str:
    if moved.event == INVOICE:
        return str(own.get(moved.invoice or ""))
    return moved.source


def _load_lines(session: Session, org_id: UUID, own: Sequence[UUID]) -> dict[str, list[UsageLine]]:
    """Lines by the id of their invoice, or of their credit note: Stripe's where it is there, else ours."""
    found: dict[str, list[UsageLine]] = defaultdict(list)
    lines = read_lines(session, org_id, invoices.select_lines_of_invoices(org_id, own))[0] if own else []
    for line in lines:
        if line.note is not None:
            found[line.note.stripe_credit_note_id or str(line.note.id)].append(line)
        else:
            found[str(line.row.invoice_id)].append(line)
    return found
