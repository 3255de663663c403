"""Staff API for our own invoices: what is owed, payments, void, write-off, terms."""

from __future__ import annotations

from uuid import UUID

from app.accounts import queries as accounts
from app.admin.actors import actor_for
from app.admin.corrections.import_api import api
from app.admin.offline import schemas
from app.admin.offline.schemas import (
    IssuedAnswer,
    IssuedOut,
    IssuedQuery,
    OwedTotal,
    PaymentAnswer,
    PaymentRequest,
    ReversalAnswer,
    SettleRequest,
    TermsAnswer,
    TermsRequest,
)
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import IssuedFilter, get_issued, list_issued, sum_owed
from app.invoices.offline.settle import void_invoice, write_off
from app.invoices.offline.terms import set_terms_days
from app.payments.offline.record import Payment, record_payment
from app.payments.offline.reverse import reverse_payment
from app.web.database import session, transaction
from app.web.paging import encode_cursor, parse_time_id_cursor
from app.web.runtime import business_now

__all__ = ["api"]  # `plan_versions.api` imports the blueprint from here, once these calls are registered


@api.operation(
    "GET", "/admin/invoices", query=IssuedQuery, response=IssuedAnswer, answer=schemas.ISSUED_LIST,
    summary="List our own invoices, and what is owed on them",
    description="Invoices to organisations that pay without Stripe, newest first.",
)  # fmt: skip
def list_our_invoices(query: IssuedQuery) -> IssuedAnswer:
    """The same as the staff page."""
    now, before = business_now(), parse_time_id_cursor(query.next)
    rows = list_issued(session(), IssuedFilter(state=query.state), now, before, query.limit + 1)
    shown = rows[: query.limit]
    last = shown[-1] if len(rows) > query.limit else None
    return IssuedAnswer(
        invoices=[_out(row) for row in shown],
        owed=[
            OwedTotal(row.currency, row.owed, row.invoices, row.overdue, row.overdue_invoices)
            for row in sum_owed(session(), now)
        ],
        next=encode_cursor(last.issued_at.isoformat(), str(last.invoice_id)) if last else None,
    )


@api.operation(
    "PUT", "/admin/invoices/<uuid:invoice_id>/payments/<uuid:payment_id>", request=PaymentRequest,
    response=PaymentAnswer, errors=("conflict",), example=schemas.PAYMENT, answer=schemas.PAID,
    summary="Record a payment of one of our invoices",
    description="Whole or in part, at most what is due. You choose the payment's id: the same id twice records one.",
)  # fmt: skip
def put_invoice_payment(request: PaymentRequest, invoice_id: UUID, payment_id: UUID) -> PaymentAnswer:
    """The same as the form on the invoice's page."""
    payment = Payment(payment_id, request.day, request.amount, request.reference)
    with transaction() as open_session:
        actor = actor_for(get_issued(open_session, invoice_id).org_id)
        _, new = record_payment(open_session, invoice_id, payment, actor=actor, now=business_now())
        return PaymentAnswer(new, _out(get_issued(open_session, invoice_id)))


@api.operation(
    "POST", "/admin/invoices/<uuid:invoice_id>/payments/<uuid:payment_id>/reverse", request=SettleRequest,
    response=ReversalAnswer, example=schemas.MISTAKE, answer=schemas.REVERSED,
    summary="Reverse a payment of one of our invoices",
    description="For a payment that was recorded by mistake. It stays in the history as `reversed`, the invoice is owed"
    " again and its reminders continue. Repeating the call changes nothing. To record the right payment, use a new id.",
)  # fmt: skip
def reverse_our_payment(request: SettleRequest, invoice_id: UUID, payment_id: UUID) -> ReversalAnswer:
    """The same as the form on the invoice's page."""
    with transaction() as open_session:
        actor = actor_for(get_issued(open_session, invoice_id).org_id)
        done = reverse_payment(open_session, invoice_id, payment_id, request.reason, actor=actor, now=business_now())
        return ReversalAnswer(done, _out(get_issued(open_session, invoice_id)))


@api.operation(
    "POST", "/admin/invoices/<uuid:invoice_id>/void", request=SettleRequest, response=IssuedOut, errors=("conflict",),
    example=schemas.REASON, answer=schemas.VOIDED, summary="Void one of our invoices",
    description="Only while nothing of it is paid. It keeps its number; what was on it waits for another invoice.",
)  # fmt: skip
def void_our_invoice(request: SettleRequest, invoice_id: UUID) -> IssuedOut:
    """The same as the form on the invoice's page."""
    with transaction() as open_session:
        actor = actor_for(get_issued(open_session, invoice_id).org_id)
        void_invoice(open_session, invoice_id, request.reason, actor=actor, now=business_now())
        return _out(get_issued(open_session, invoice_id))


@api.operation(
    "POST", "/admin/invoices/<uuid:invoice_id>/write-off", request=SettleRequest, response=IssuedOut,
    errors=("conflict",), example=schemas.REASON, answer=schemas.WRITTEN, summary="Write off one of our invoices",
    description="Gives up what is left of an open invoice. A payment that arrives later can still be recorded.",
)  # fmt: skip
def write_off_our_invoice(request: SettleRequest, invoice_id: UUID) -> IssuedOut:
    """The same as the form on the invoice's page."""
    with transaction() as open_session:
        actor = actor_for(get_issued(open_session, invoice_id).org_id)
        write_off(open_session, invoice_id, request.reason, actor=actor, now=business_now())
        return _out(get_issued(open_session, invoice_id))


@api.operation(
    "PUT", "/admin/orgs/<uuid:org_id>/invoice-terms", request=TermsRequest, response=TermsAnswer,
    example=schemas.TERMS, answer=schemas.TERMS, summary="Set within how many days an organisation pays our invoices",
    description="For invoices that are issued from now on; the usual terms are 14 days.",
)  # fmt: skip
def put_invoice_terms(request: TermsRequest, org_id: UUID) -> TermsAnswer:
    """The same as the form on the organisation's page."""
    with transaction() as open_session:
        accounts.get_org(open_session, org_id)
        set_terms_days(open_session, org_id, request.days, actor=actor_for(org_id), now=business_now())
    return TermsAnswer(request.days)


def _out(issued: IssuedInvoice) -> IssuedOut:
    return IssuedOut(
        id=str(issued.invoice_id),
        org_id=str(issued.org_id),
        number=issued.number,
        state=issued.state,  # type: ignore[arg-type]  # the table allows no other
        overdue=issued.is_overdue(business_now()),
        currency=issued.currency,
        total=issued.total,
        paid=issued.paid,
        amount_due=issued.due,
        issued_on=issued.issued_on,
        due_on=issued.due_on,
        due_at=issued.due_at,
        reason=issued.reason,
    )
