"""One invoice: what it bills, fees as Stripe lists them and usage that opens to its explanation, and what is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.invoices import queries as invoices
from app.invoices.models import DROPPED, Invoice
from app.kit.ids import parse_id
from app.kit.postgres.together import read_together
from app.payments import queries as payments
from app.payments.models import StripeInvoice
from app.portal.invoices.lines import UsageLine, read_lines
from app.portal.invoices.standing import describe_standing, describe_status
from app.portal.invoices.view import build_line
from app.portal.invoices.view_models import FeeRow, InvoiceView
from app.statements.wording import format_amount, format_day, format_span
from app.web.addresses import path_to

_NOT_LISTED = "Other charges, as on Stripe's invoice"


@dataclass(frozen=True, slots=True)
class ShownInvoice:
    """An invoice: ours with its lines where usage is on it, Stripe's where Stripe has it."""

    ours: Invoice | None
    remote: StripeInvoice | None
    lines: Sequence[UsageLine]

    @property
    def currency(self) -> str:
        """The currency of all its amounts."""
        return self.remote.currency if self.remote else str(self.ours.currency if self.ours else "")


def find_invoice(session: Session, org_id: UUID, named: str) -> ShownInvoice | None:
    """Find an invoice of the org by our id, or by Stripe's where no usage is on it; without its lines."""
    ours_id = parse_id(named)
    by_stripe_id = invoices.select_ids_by_stripe_id(org_id, [named])
    ids = [ours_id] if ours_id else by_stripe_id.with_only_columns(by_stripe_id.selected_columns.id)
    mine = invoices.select_invoices(org_id, ids)
    theirs = invoices.select_stripe_ids(org_id, [ours_id]) if ours_id else [named]
    ours, remote = read_together(session, mine, payments.select_invoices(org_id, theirs))
    if any(each.state == DROPPED for each in ours) or not (ours or remote):
        return None
    return ShownInvoice(ours[0] if ours else None, remote[0] if remote else None, ())


def load_invoice_lines(session: Session, org_id: UUID, shown: ShownInvoice) -> ShownInvoice:
    """The invoice with its lines."""
    if shown.ours is None:
        return shown
    return replace(shown, lines=read_lines(session, org_id, invoices.select_invoice_lines(org_id, shown.ours.id))[0])


def build_invoice_page(shown: ShownInvoice, zone: str, now: datetime, *, may_pay: bool) -> InvoiceView:
    """Build the page. Pure; fees, usage, discount and tax add up to the total."""
    remote, ours = shown.remote, shown.ours
    named = str(ours.id if ours else remote.id if remote else "")
    issued = remote is not None and remote.number is not None
    opened = remote.hosted_url if remote and remote.status == "open" and remote.amount_remaining > 0 else None
    return InvoiceView(
        title=f"Invoice {remote.number}" if remote and remote.number else "Invoice, not issued yet",
        badge=describe_status(remote) if remote and issued else ("Not issued yet", "accent", "clock"),
        total=format_amount(_find_total(shown), shown.currency),
        zone=zone,
        facts=list(_list_facts(shown, zone)),
        fees=list(_list_fees(shown, zone)),
        lines=[build_line(line, describe_standing(line, billed=True, now=now)) for line in shown.lines],
        sums=list(_list_sums(shown)),
        pay_href=opened if may_pay else None,
        stripe_pdf_href=remote.pdf_url if remote else None,
        pdf_href=path_to("invoices.invoice_pdf", invoice_id=named),
        csv_href=path_to("invoices.usage_csv", invoice=str(ours.id)) if ours else None,
        focus_href=path_to("invoices.focus_invoice", invoice_id=named) if issued else None,
    )


def _find_total(shown: ShownInvoice) -> int:
    return shown.remote.total if shown.remote else sum(line.row.amount for line in shown.lines)


def _list_facts(shown: ShownInvoice, zone: str) -> Iterator[tuple[str, str]]:
    remote = shown.remote
    if remote is None:
        return
    for label, at in (("Issued", remote.finalized_at), ("Due", remote.due_at), ("Paid", remote.paid_at)):
        if at is not None:
            yield label, format_day(at, zone)
    if remote.status == "open" and remote.next_attempt_at is not None:
        yield "Next attempt", format_day(remote.next_attempt_at, zone)


def _list_fees(shown: ShownInvoice, zone: str) -> Iterator[FeeRow]:
    """What Stripe bills beside our lines; what its lines do not explain stands as one row."""
    remote = shown.remote
    if remote is None:
        return
    ours = {str(line.row.id) for line in shown.lines}
    fees = [line for line in remote.lines or [] if line["line"] not in ours]
    for line in fees:
        start, end = datetime.fromisoformat(line["start"]), datetime.fromisoformat(line["end"])
        days = format_span(start, end, zone) if start < end else format_day(start, zone)
        yield FeeRow(line["description"] or "No description", days, format_amount(line["amount"], remote.currency))
    told = sum(line["amount"] for line in fees) + sum(line.row.amount for line in shown.lines)
    rest = remote.total - (remote.tax - remote.included_tax) + remote.discount - told
    if rest:
        yield FeeRow(_NOT_LISTED, "", format_amount(rest, remote.currency))


def _list_sums(shown: ShownInvoice) -> Iterator[tuple[str, str]]:
    remote, currency = shown.remote, shown.currency
    if remote is not None and remote.discount:
        yield "Discount", format_amount(-remote.discount, currency)
    if remote is not None and remote.tax != remote.included_tax:
        yield "Tax", format_amount(remote.tax - remote.included_tax, currency)
    yield "Total", format_amount(_find_total(shown), currency)
    if remote is not None and remote.included_tax:
        yield "Of which tax", format_amount(remote.included_tax, currency)
    if remote is None or remote.number is None:
        return
    if remote.amount_due != remote.total:
        yield "Balance and credits", format_amount(remote.amount_due - remote.total, currency)
    if remote.amount_paid:
        yield "Paid", format_amount(-remote.amount_paid, currency)
    yield "Amount due", format_amount(remote.amount_remaining if remote.status == "open" else 0, currency)
