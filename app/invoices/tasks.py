"""Background tasks of our own invoices: keep their PDFs, send the emails that are due by the business clock."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.invoices.offline import keep, reminders
from app.invoices.offline.layout import build_document
from app.invoices.offline.queries import get_issued
from app.invoices.pdf import render_pdf
from app.web.database import transaction
from app.web.runtime import business_now
from app.web.sweeps import run_each, run_each_in_transaction

MOST = 200


def send_invoice_emails() -> int:
    """Queue the emails that are due; returns how many."""
    now = business_now()
    with transaction() as session:
        due_ids = list(reminders.list_due(session, now, MOST))
    return run_each_in_transaction(due_ids, reminders.send_due_email, now, "invoice email failed")


def keep_document(invoice_id: str) -> None:
    """Render the PDF of an invoice and keep it, with no transaction open in between. Does nothing if it is kept."""
    wanted = UUID(invoice_id)
    with transaction() as session:
        if keep.is_kept(session, wanted):
            return
        document = build_document(get_issued(session, wanted))
    pdf = render_pdf(document)
    with transaction() as session:
        keep.keep_pdf(session, get_issued(session, wanted), pdf, business_now())


def keep_documents() -> None:
    """Keep the PDFs that no task has: one whose task was lost or parked."""
    with transaction() as session:
        unkept = keep.list_unkept(session, MOST)
    run_each(map(str, unkept), keep_document, "invoice not rendered")


TASKS: dict[str, Callable[..., object]] = {
    "invoices.send_emails": send_invoice_emails,
    keep.TASK: keep_document,
    "invoices.keep_documents": keep_documents,
}
SWEEPS = ("invoices.send_emails",)
FALLING_DUE = (reminders.find_next_due,)
PERIODIC: list[tuple[str, str]] = [("* * * * *", "invoices.send_emails"), ("*/5 * * * *", "invoices.keep_documents")]
