"""The statement of account: the page, the CSV file and the PDF."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.accounts import guards
from app.accounts import queries as accounts
from app.accounts.identity import Caller
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.invoices.parties import build_seller
from app.invoices.queries import find_ids_by_stripe_id
from app.kit.errors import InvalidRequest
from app.portal.account_statement.account import AccountStatement, StatementSpan
from app.portal.account_statement.export import HEAD, iterate_file_rows
from app.portal.account_statement.printed import build_document
from app.portal.account_statement.queries import get_statement
from app.portal.account_statement.requests import parse_span, read_days
from app.portal.account_statement.view import build_statement_view, build_trouble_view
from app.portal.shell.pdf_answer import answer_pdf
from app.portal.shell.people import get_org_id
from app.web import csv_export
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now, runtime

statement = Blueprint("statement", __name__, url_prefix="/billing")
_FILES = {"": "statement.index", "csv": "statement.csv_file", "pdf": "statement.pdf_file"}


@statement.get("/statement")
def index() -> Response:
    """Opening balance, movements and closing balance of the days asked for."""
    who, now = guards.caller(), business_now()
    try:
        found = _get_statement(who)
    except InvalidRequest as trouble:
        view = build_trouble_view(who.time_zone, trouble.detail, read_days(request.args), _address, now)
        return render("statement/statement.html", status=400, view=view)
    view = build_statement_view(found, _address, find_pages(who, found), now)
    return render("statement/statement.html", view=view)


@statement.get("/statement.csv")
def csv_file() -> Response:
    """The same as CSV. Audited."""
    who = guards.caller()
    found = _get_statement(who)
    audit_read(who.actor, EXPORTED_BILLING, get_org_id(who))
    body = csv_export.lines(HEAD, iterate_file_rows(found), bom=bool(request.args.get("bom")))
    headers = {"Content-Disposition": f'attachment; filename="{_name(found)}.csv"'}
    return Response(list(body), content_type="text/csv; charset=utf-8", headers=headers)


@statement.get("/statement.pdf")
def pdf_file() -> Response:
    """The same as PDF. Audited."""
    who = guards.caller()
    found = _get_statement(who)
    audit_read(who.actor, EXPORTED_BILLING, get_org_id(who))
    contact = accounts.find_billing_contact(session(), get_org_id(who))
    document = build_document(found, build_seller(runtime().settings), contact, business_now())
    return answer_pdf(document, _name(found))


def find_pages(who: Caller, found: AccountStatement) -> dict[str, str]:
    """The pages of the invoices that a statement names, in one query."""
    rows = [row.movement for account in found.accounts for row in account.rows]
    named = {moved.invoice for moved in rows if moved.invoice}
    ours = find_ids_by_stripe_id(session(), get_org_id(who), named)
    return {name: path_to("invoices.invoice", invoice_id=str(ours.get(name, name))) for name in named}


def _get_statement(who: Caller) -> AccountStatement:
    span = parse_span(request.args, who.time_zone, business_now())
    return get_statement(session(), get_org_id(who), span)


def _address(span: StatementSpan, file: str = "") -> str:
    return path_to(_FILES[file], **{"from": span.first.isoformat(), "to": span.last.isoformat()})


def _name(found: AccountStatement) -> str:
    return f"statement-{found.span.first}-{found.span.last}"
