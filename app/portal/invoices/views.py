"""Pages of usage charges: the closed periods with their lines, those of one invoice, and the file of them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, Response, request, stream_with_context

from app.accounts import guards
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.invoices import queries
from app.invoices.models import Invoice
from app.kit.errors import NotFound
from app.kit.ids import parse_id
from app.portal.invoices import export, late_export
from app.portal.invoices.late import list_late_usage
from app.portal.invoices.late_view import build_late_view
from app.portal.invoices.lines import list_closed_periods, list_periods_of_invoice
from app.portal.invoices.view import build_invoice_view, build_view
from app.portal.shell.people import get_org_id
from app.web import csv_export
from app.web.database import session
from app.web.pages import render
from app.web.paging import parse_instant_cursor, parse_time_id_cursor

invoices = Blueprint("invoices", __name__, url_prefix="/billing/usage")

_PAGE = 6
_LATE_PAGE = 25


@invoices.get("")
def usage() -> Response:
    """What each closed period came to, line by line, newest first; with `invoice`, what that invoice bills."""
    who = guards.caller()
    org_id = get_org_id(who)
    invoice = _find_invoice(org_id)
    if invoice is not None:
        view = build_invoice_view(invoice, list_periods_of_invoice(session(), invoice), who.time_zone)
    else:
        before = parse_instant_cursor(request.args.get("next") or None)
        periods = list_closed_periods(session(), org_id, before, _PAGE + 1)
        view = build_view(periods[:_PAGE], who.time_zone, more=len(periods) > _PAGE, first=before is None)
    return render("invoices/usage.html", view=view)


@invoices.get("/usage-charges.csv")
def usage_csv() -> Response:
    """All lines as CSV, or those of one invoice. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    invoice = _find_invoice(org_id)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    rows = _file_rows(org_id, invoice.id if invoice else None)
    body = stream_with_context(csv_export.lines(export.HEAD, rows, bom=bool(request.args.get("bom"))))
    headers = {"Content-Disposition": 'attachment; filename="usage-charges.csv"'}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


@invoices.get("/late")
def late() -> Response:
    """What was recorded or voided of closed periods, and how it was billed."""
    who = guards.caller()
    before = parse_time_id_cursor(request.args.get("next") or None)
    found = list_late_usage(session(), get_org_id(who), before, _LATE_PAGE)
    return render("invoices/late.html", view=build_late_view(found, who.time_zone, first=before is None))


@invoices.get("/late-usage.csv")
def late_csv() -> Response:
    """The same as CSV. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    rows = late_export.iterate_rows(session(), org_id)
    body = stream_with_context(csv_export.lines(late_export.HEAD, rows, bom=bool(request.args.get("bom"))))
    headers = {"Content-Disposition": 'attachment; filename="late-usage.csv"'}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


def _file_rows(org_id: UUID, invoice_id: UUID | None) -> Iterator[tuple[csv_export.Cell, ...]]:
    """Opens its own session while streaming: the view's session is closed by the time the body is sent."""
    if invoice_id is None:
        yield from export.iterate_file_rows(session(), org_id)
    else:
        invoice = queries.get_invoice(session(), org_id, invoice_id)
        yield from export.iterate_period_rows(list_periods_of_invoice(session(), invoice))


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
