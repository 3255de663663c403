"""Pages of one invoice and of one line: explanation, events, and the files of both."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import guards
from app.accounts import queries as accounts
from app.accounts.reads import EXPORTED_BILLING, EXPORTED_USAGE, audit_read
from app.accounts.roles import PLAN_MANAGERS
from app.invoices import queries
from app.invoices.models import OFFLINE
from app.invoices.parties import build_seller
from app.kit.errors import NotFound
from app.metering.events.line_events import LineSpan
from app.portal.invoices.explain.events import HEAD, find_span, iterate_event_rows, load_events
from app.portal.invoices.invoice_page import ShownInvoice, build_invoice_page, find_invoice, load_invoice_lines
from app.portal.invoices.issued_page import read_invoice_view
from app.portal.invoices.late_usage.pages import invoices
from app.portal.invoices.lines import UsageLine, read_lines
from app.portal.invoices.statement import StatementOf, build_invoice_statement
from app.portal.invoices.view import build_line_page
from app.portal.shell.pdf_answer import answer_pdf
from app.portal.shell.people import get_org_id
from app.web.csv_file import stream_csv
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now, runtime

__all__ = ["invoices"]  # the URL map imports the blueprint from here, so that these pages are registered too


@invoices.get("/invoices/<invoice_id>")
def invoice(invoice_id: str) -> Response:
    """One invoice with its lines, by our id, or by Stripe's where no usage is on it."""
    who, shown = guards.caller(), _get_invoice(invoice_id)
    if shown.ours is not None and shown.ours.kind == OFFLINE:
        return render("invoices/usage.html", view=read_invoice_view(session(), shown.ours, who.time_zone))
    shown = load_invoice_lines(session(), get_org_id(who), shown)
    view = build_invoice_page(shown, who.time_zone, business_now(), may_pay=who.role in PLAN_MANAGERS)
    return render("invoices/invoice.html", view=view)


@invoices.get("/invoices/<invoice_id>/explained.pdf")
def invoice_pdf(invoice_id: str) -> Response:
    """The invoice explained, as PDF. Audited."""
    who, shown = guards.caller(), _get_invoice(invoice_id)
    org_id = get_org_id(who)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    contact = accounts.find_billing_contact(session(), org_id)
    shown = load_invoice_lines(session(), org_id, shown)
    page = build_invoice_page(shown, who.time_zone, business_now(), may_pay=False)
    of = StatementOf(build_seller(runtime().settings), contact, who.time_zone, business_now())
    return answer_pdf(build_invoice_statement(shown, page, of), "invoice-explained")


@invoices.get("/usage/lines/<uuid:line_id>")
def line(line_id: UUID) -> Response:
    """One line: how its amount came about, and the events behind it."""
    who = guards.caller()
    found, span = _get_line(get_org_id(who), line_id)
    return render(
        "invoices/line.html",
        view=build_line_page(found, load_events(session(), found, span), who.time_zone, business_now()),
    )


@invoices.get("/usage/lines/<uuid:line_id>/events.csv")
def line_events_csv(line_id: UUID) -> Response:
    """Each event of a line's period as CSV, and whether the line counts it. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    _, span = _get_line(org_id, line_id)
    audit_read(who.actor, EXPORTED_USAGE, org_id)
    return stream_csv("line-events", HEAD, lambda opened: iterate_event_rows(opened, span))


def _get_invoice(named: str) -> ShownInvoice:
    shown = find_invoice(session(), get_org_id(guards.caller()), named)
    if shown is None:
        raise NotFound("There is no such invoice.")
    return shown


def _get_line(org_id: UUID, line_id: UUID) -> tuple[UsageLine, LineSpan]:
    lines, _ = read_lines(session(), org_id, queries.select_line(org_id, line_id))
    found = lines[0] if lines else None
    span = find_span(session(), found) if found else None
    if found is None or span is None:
        raise NotFound("There is no such line.")
    return found, span
