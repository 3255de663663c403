"""API: what an organisation was billed as a FOCUS file."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Response

from app.accounts.guards import acting_org, caller
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.kit.errors import FieldError, InvalidRequest
from app.kit.fields import Label, matching
from app.portal.invoices.api import api
from app.portal.invoices.focus.example import FOCUS_ROW
from app.portal.invoices.focus.files import stream_invoice, stream_month
from app.portal.invoices.focus.months import PATTERN, find_month
from app.portal.invoices.focus.schema import FocusRow

__all__ = ["api"]


class FocusQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Either a `month` (UTC), or an `invoice`: our id of it, or Stripe's."""

    month: Annotated[str, matching(PATTERN, "a month, such as 2026-11")] | None = None
    invoice: Label | None = None


@api.operation(
    "GET", "/invoices/focus", query=FocusQuery, response=FocusRow, media=("text/csv",), answer=FOCUS_ROW,
    summary="Costs as a FOCUS file",
    description="What was invoiced and credited in a month, or what one invoice bills, as CSV by FOCUS 1.2, the FinOps"
    " Open Cost and Usage Specification: a line with the column names, then a line for each charge. An empty cell is"
    " null, and text that a spreadsheet would evaluate has an apostrophe before it. The rows of an invoice add up to"
    " its total exactly. Drafts are left out, and usage that costs nothing, too: `GET /usage/history` has it. A month"
    " can change until it is over. Audited.",
)  # fmt: skip
def export_focus(query: FocusQuery) -> Response:
    """The file; each page of documents is read in a transaction of its own."""
    org_id = acting_org()
    month = find_month(query.month) if query.month else None
    if (month is None) == (query.invoice is None):
        raise InvalidRequest("Name either a month or an invoice.", [FieldError("month", "or `invoice`, one of them")])
    file = stream_month(org_id, month) if month else stream_invoice(org_id, str(query.invoice))
    audit_read(caller().actor, EXPORTED_BILLING, org_id)
    return file
