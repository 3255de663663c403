"""The page of an invoice of ours: what it says, what was paid, and its usage with every line explained."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.invoices.models import Invoice
from app.invoices.offline.keep import is_kept, select_kept
from app.invoices.offline.queries import find_issued, select_issued
from app.kit.postgres.together import prepare
from app.payments.offline.record import list_payments, select_payments
from app.portal.invoices.lines import list_periods_of_invoice
from app.portal.invoices.view import build_invoice_view
from app.portal.invoices.view_models import UsageChargesView
from app.portal.shell.issued import IssuedView, build_issued_view
from app.web.addresses import path_to
from app.web.runtime import business_now


def read_invoice_view(session: Session, invoice: Invoice, zone: str) -> UsageChargesView:
    """What an invoice bills; if it is one of ours, also what it says and what was paid."""
    periods = list_periods_of_invoice(session, invoice)
    return build_invoice_view(invoice, periods, zone, business_now(), _read_issued(session, invoice))


def _read_issued(session: Session, invoice: Invoice) -> IssuedView | None:
    prepare(
        session, select_issued(invoice.org_id, [invoice.id]), select_kept(invoice.id),
        select_payments(invoice.org_id, invoice.id),
    )  # fmt: skip
    issued = find_issued(session, invoice.org_id, [invoice.id]).get(invoice.id)
    if issued is None:
        return None
    pdf = path_to("invoices.issued_pdf", invoice_id=str(invoice.id)) if is_kept(session, invoice.id) else None
    return build_issued_view(issued, list_payments(session, invoice.org_id, invoice.id), business_now(), pdf)
