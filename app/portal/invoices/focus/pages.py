"""The FOCUS files of the portal: of an invoice, and of a month."""

from __future__ import annotations

from flask import Response, request

from app.accounts import guards
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.kit.errors import NotFound
from app.portal.invoices.contract.views import invoices
from app.portal.invoices.focus.files import stream_invoice, stream_month
from app.portal.invoices.focus.months import find_month
from app.portal.shell.people import get_org_id

__all__ = ["invoices"]  # the URL map imports the blueprint from here, so that these files are registered too


@invoices.get("/invoices/<invoice_id>/focus.csv")
def focus_invoice(invoice_id: str) -> Response:
    """An issued invoice as FOCUS rows. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    file = stream_invoice(org_id, invoice_id)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    return file


@invoices.get("/focus.csv")
def focus_month() -> Response:
    """What was billed in a month, such as `month=2026-11`, as FOCUS rows. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    month = find_month(request.args.get("month", ""))
    if month is None:
        raise NotFound("There is no such month. Name one as 2026-11.")
    file = stream_month(org_id, month)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    return file
