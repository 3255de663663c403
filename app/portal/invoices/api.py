"""API: usage invoices, their lines, and how the amount of a line came about."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from app.accounts.guards import acting_org, caller, require_scope
from app.invoices import queries
from app.invoices.models import DROPPED, Invoice
from app.kit.errors import NotFound
from app.metering.events import line_events
from app.portal.invoices import examples
from app.portal.invoices.answers import build_explanation_answer, build_invoice_out, build_line_event_out
from app.portal.invoices.explain.events import find_span
from app.portal.invoices.late_usage.answers import build_late_out
from app.portal.invoices.late_usage.listing import list_late_usage
from app.portal.invoices.lines import UsageLine, load_issued, load_remote, read_lines
from app.portal.invoices.schemas import (
    ExplanationAnswer,
    InvoiceOut,
    InvoicesAnswer,
    InvoicesQuery,
    LateUsageAnswer,
    LineEventsAnswer,
    LineEventsQuery,
)
from app.web.api import Api
from app.web.database import session
from app.web.paging import encode_cursor, parse_time_id_cursor

api = Api("invoices", __name__)


@api.operation(
    "GET", "/invoices", query=InvoicesQuery, response=InvoicesAnswer, answer=examples.INVOICES,
    summary="List invoices with usage on them",
    description="Newest first, with the lines of each. Stripe's invoices for a plan's fee alone are in"
    " `GET /billing/history`. What costs nothing is on no invoice, and what is below the smallest charge waits for the"
    " next one.",
)  # fmt: skip
def list_invoices(query: InvoicesQuery) -> InvoicesAnswer:
    """List invoices, paged."""
    org_id, before = acting_org(), parse_time_id_cursor(query.next)
    rows = queries.list_invoices(session(), org_id, before, query.limit + 1)
    shown = rows[: query.limit]
    following = encode_cursor(shown[-1].opened_at.isoformat(), str(shown[-1].id)) if len(rows) > query.limit else None
    return InvoicesAnswer(_load(org_id, shown), following)


@api.operation(
    "GET", "/invoices/late-usage", query=InvoicesQuery, response=LateUsageAnswer, answer=examples.LATE_USAGE,
    summary="List late usage",
    description="What was recorded, or voided, of a usage period after it was closed, and how it was billed: the line,"
    " its amount, and the invoice or credit note that it is on. Of the newest fourteen closed periods.",
)  # fmt: skip
def list_late(query: InvoicesQuery) -> LateUsageAnswer:
    """List late usage, paged."""
    found = list_late_usage(session(), acting_org(), parse_time_id_cursor(query.next), query.limit)
    return LateUsageAnswer([build_late_out(row) for row in found.rows], found.following)


@api.operation(
    "GET", "/invoices/<uuid:invoice_id>", response=InvoiceOut, answer=examples.INVOICE,
    summary="Get an invoice with its usage lines",
    description="A draft that Stripe deleted or issued without the usage is not found: its lines move to the next"
    " invoice.",
)  # fmt: skip
def show_invoice(invoice_id: UUID) -> InvoiceOut:
    """One invoice."""
    return _load(acting_org(), [_get(acting_org(), invoice_id)])[0]


@api.operation(
    "GET", "/invoices/<uuid:invoice_id>/lines/<uuid:line_id>/explanation", response=ExplanationAnswer,
    answer=examples.EXPLANATION, summary="Explain a line",
    description="The formula, the steps from the quantity to the amount, and the terms that the line was rated by, as"
    " they were stored when the period was closed. Nothing is calculated anew. Lines of credit notes have explanations,"
    " too.",
)  # fmt: skip
def explain_line(invoice_id: UUID, line_id: UUID) -> ExplanationAnswer:
    """One line."""
    return build_explanation_answer(_get_line(acting_org(), invoice_id, line_id))


@api.operation(
    "GET", "/invoices/<uuid:invoice_id>/lines/<uuid:line_id>/events", query=LineEventsQuery,
    response=LineEventsAnswer, answer=examples.LINE_EVENTS, summary="List the events behind a line",
    description="Each event of the line's period and meter, in the order of its time: whether the line counts it, and"
    " why not. The same as the file on the line's page. A plan's fee has none. The key needs `usage:read`, too.",
)  # fmt: skip
def list_line_events(query: LineEventsQuery, invoice_id: UUID, line_id: UUID) -> LineEventsAnswer:
    """The events of one line, paged."""
    require_scope(caller(), "usage:read")
    after = parse_time_id_cursor(query.next)
    span = find_span(session(), _get_line(acting_org(), invoice_id, line_id))
    rows = line_events.list_line_events(session(), span, after, query.limit + 1) if span else []
    shown = rows[: query.limit]
    following = (
        encode_cursor(shown[-1].occurred_at.isoformat(), str(shown[-1].key)) if len(rows) > query.limit else None
    )
    return LineEventsAnswer([build_line_event_out(row) for row in shown], following)


def _get_line(org_id: UUID, invoice_id: UUID, line_id: UUID) -> UsageLine:
    invoice = _get(org_id, invoice_id)
    found, _ = read_lines(session(), org_id, queries.select_lines_of_invoices(org_id, [invoice.id]))
    line = next((each for each in found if each.row.id == line_id), None)
    if line is None:
        raise NotFound("There is no such line on this invoice.")
    return line


def _get(org_id: UUID, invoice_id: UUID) -> Invoice:
    found = queries.find_invoices(session(), org_id, [invoice_id]).get(invoice_id)
    if found is None or found.state == DROPPED:
        raise NotFound("There is no such invoice.")
    return found


def _load(org_id: UUID, invoices: list[Invoice]) -> list[InvoiceOut]:
    """Load the lines of invoices and what Stripe says of them, in a fixed number of queries."""
    remote, issued = load_remote(session(), org_id, invoices), load_issued(session(), org_id, invoices)
    lines: dict[UUID, list[UsageLine]] = defaultdict(list)
    credited: dict[UUID, list[UsageLine]] = defaultdict(list)
    rows, _ = read_lines(session(), org_id, queries.select_lines_of_invoices(org_id, [each.id for each in invoices]))
    for line in rows:
        if line.invoice is not None:
            (credited if line.note else lines)[line.invoice.id].append(line)
    return [
        build_invoice_out(
            invoice, lines[invoice.id], remote.get(invoice.id), issued.get(invoice.id), credited[invoice.id]
        )
        for invoice in invoices
    ]
