"""Pages of usage charges: the closed periods with their lines, those of one invoice, and the file of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from app.accounts import guards
from app.accounts import queries as accounts
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.billing_runs.rehearsal.queries import find_rehearsal
from app.catalog import queries as catalog
from app.invoices import queries
from app.invoices.models import Invoice
from app.invoices.offline.keep import get_pdf
from app.invoices.offline.queries import get_issued
from app.invoices.parties import build_seller
from app.kit.errors import NotFound
from app.kit.ids import parse_id
from app.portal.invoices import export
from app.portal.invoices.issued_page import read_invoice_view
from app.portal.invoices.lines import find_closed_period, list_closed_periods, list_periods_of_invoice
from app.portal.invoices.running import build_running_view
from app.portal.invoices.statement import StatementOf, build_statement
from app.portal.invoices.view import build_view
from app.portal.invoices.view_models import RunningView
from app.portal.shell.pdf_answer import answer_pdf
from app.portal.shell.people import get_org_id
from app.web import csv_export
from app.web.csv_file import stream_csv
from app.web.database import session
from app.web.pages import render
from app.web.paging import parse_instant_cursor
from app.web.pdf import send_pdf
from app.web.runtime import business_now, runtime

invoices = Blueprint("invoices", __name__, url_prefix="/billing")

_PAGE = 6


@invoices.get("/usage")
def usage() -> Response:
    """What each closed period came to, line by line, newest first; with `invoice`, what that invoice bills."""
    who = guards.caller()
    org_id = get_org_id(who)
    invoice = _find_invoice(org_id)
    if invoice is not None:
        view = read_invoice_view(session(), invoice, who.time_zone)
    else:
        before = parse_instant_cursor(request.args.get("next") or None)
        periods = list_closed_periods(session(), org_id, before, _PAGE + 1)
        running = _find_running(org_id, who.time_zone) if before is None else None
        view = build_view(
            periods[:_PAGE],
            who.time_zone,
            business_now(),
            more=len(periods) > _PAGE,
            first=before is None,
            running=running,
        )
    return render("invoices/usage.html", view=view)


@invoices.get("/usage/usage-charges.csv")
def usage_csv() -> Response:
    """All lines as CSV, or those of one invoice. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    invoice = _find_invoice(org_id)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    invoice_id, now = invoice.id if invoice else None, business_now()
    return stream_csv("usage-charges", export.HEAD, lambda opened: _iterate_rows(opened, org_id, invoice_id, now))


@invoices.get("/invoices/<uuid:invoice_id>/issued.pdf")
def issued_pdf(invoice_id: UUID) -> Response:
    """The PDF of an invoice of ours, as it was issued. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    number = get_issued(session(), invoice_id, org_id).number
    pdf = get_pdf(session(), org_id, invoice_id)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    return send_pdf(pdf, number)


@invoices.get("/usage/statement.pdf")
def statement_pdf() -> Response:
    """The statement of the closed period that starts at `period`. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    start = parse_instant_cursor(request.args.get("period") or None)
    period = find_closed_period(session(), org_id, start) if start else None
    if period is None:
        raise NotFound("There is no such closed period.")
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    contact = accounts.find_billing_contact(session(), org_id)
    document = build_statement(
        period, StatementOf(build_seller(runtime().settings), contact, who.time_zone, business_now())
    )
    return answer_pdf(document, f"usage-statement-{period.start.astimezone(ZoneInfo(who.time_zone)):%Y-%m-%d}")


def _find_running(org_id: UUID, zone: str) -> RunningView | None:
    rehearsal = find_rehearsal(session(), org_id, business_now())
    return build_running_view(rehearsal, catalog.get_meters_by_id(session()), zone) if rehearsal else None


def _iterate_rows(
    opened: Session, org_id: UUID, invoice_id: UUID | None, now: datetime
) -> Iterator[tuple[csv_export.Cell, ...]]:
    if invoice_id is None:
        return export.iterate_file_rows(opened, org_id, now)
    invoice = queries.get_invoice(opened, org_id, invoice_id)
    return export.iterate_period_rows(list_periods_of_invoice(opened, invoice), now)


def _find_invoice(org_id: UUID) -> Invoice | None:
    """The invoice named in the URL, if one is. Raises `NotFound` for one that the org does not have."""
    named = request.args.get("invoice")
    if not named:
        return None
    invoice_id = parse_id(named)
    found = queries.find_invoices(session(), org_id, [invoice_id]) if invoice_id else {}
    if invoice_id not in found:
        raise NotFound("There is no such invoice.")
    return found[invoice_id]
