"""Staff pages of our own invoices: the list, one invoice, its payments, void and write-off, and an org's terms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.corrections.import_pages import pages
from app.admin.offline.forms import (
    PaymentForm,
    ReversalForm,
    TermsForm,
    VoidForm,
    WriteOffForm,
    build_payment_form,
    build_reversal_form,
)
from app.admin.offline.view import ALL, STATES, get_invoices_view
from app.admin.org_pages import render_org_page
from app.billing_runs.offline import issue_waiting
from app.invoices.offline import settle
from app.invoices.offline.keep import get_pdf, is_kept
from app.invoices.offline.models import OPEN, IssuedInvoice
from app.invoices.offline.queries import get_issued
from app.invoices.offline.terms import set_terms_days
from app.kit.errors import Conflict, InvalidRequest
from app.kit.ids import parse_id
from app.payments.offline.record import list_payments, record_payment
from app.payments.offline.reverse import reverse_payment
from app.portal.shell.issued import build_issued_view
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.pdf import send_pdf
from app.web.runtime import business_now, runtime

__all__ = ["pages"]  # `plan_versions.pages` imports the blueprint from here, once these routes are registered


@pages.get("/admin/invoices")
def invoices() -> Response:
    """Our own invoices in a state: open ones by their due day, others newest first; and what is owed."""
    given = request.args.get("state", OPEN)
    state = given if given in STATES else ALL
    try:
        view = get_invoices_view(session(), state, request.args.get("next") or None, business_now())
    except InvalidRequest:
        view = get_invoices_view(session(), state, None, business_now())
    return render("admin/invoices.html", view=view)


@pages.get("/admin/invoices/<uuid:invoice_id>")
def invoice(invoice_id: UUID) -> Response:
    """One invoice: what it says, its payments, and the forms. The look is audited."""
    issued = get_issued(session(), invoice_id)
    answer = _page(issued)
    audit_read(actor_for(issued.org_id), VIEWED, issued.org_id)
    return answer


@pages.get("/admin/invoices/<uuid:invoice_id>.pdf")
def invoice_pdf(invoice_id: UUID) -> Response:
    """The PDF of an invoice, as it was issued. The look is audited."""
    issued = get_issued(session(), invoice_id)
    answer = send_pdf(get_pdf(session(), issued.org_id, invoice_id), issued.number)
    audit_read(actor_for(issued.org_id), VIEWED, issued.org_id)
    return answer


@pages.post("/admin/invoices/<uuid:invoice_id>/payments")
def record_invoice_payment(invoice_id: UUID) -> Response:
    """Record a payment, whole or in part. The form sent twice records one."""
    issued, form = get_issued(session(), invoice_id), PaymentForm()
    payment = form.read(issued.currency) if form.validate_on_submit() else None
    if payment is None:
        return _page(issued, payment_form=form, status=422)
    try:
        with transaction() as open_session:
            record, new = record_payment(
                open_session, invoice_id, payment, actor=actor_for(issued.org_id), now=business_now()
            )
            words = f"A payment of {format_amount(record.amount, record.currency)} is recorded."
    except InvalidRequest as refused:
        form.show(refused)
        return _page(get_issued(session(), invoice_id), payment_form=form, status=422)
    except Conflict as refused:
        flash_message("error", refused.detail)
    else:
        flash_message("success" if new else "info", words if new else "This payment was recorded before.")
    return redirect_to("admin.invoice", invoice_id=invoice_id)


@pages.post("/admin/invoices/<uuid:invoice_id>/reversals")
def reverse_invoice_payment(invoice_id: UUID) -> Response:
    """Reverse a payment that was recorded by mistake; the invoice is owed again."""
    issued = get_issued(session(), invoice_id)
    form = build_reversal_form(issued, list_payments(session(), issued.org_id, invoice_id))
    if form is None:
        flash_message("error", "There is no payment to reverse.")
        return redirect_to("admin.invoice", invoice_id=invoice_id)
    payment_id = parse_id(form.reversed_payment.data or "")
    if not form.validate_on_submit() or payment_id is None:
        return _page(issued, reversal_form=form, status=422)
    reverse = partial(_reverse, payment_id)
    return _settle(
        issued, reverse, form.text("reversal_reason"), "The payment is reversed. Members are told what is due."
    )  # fmt: skip


def _reverse(payment_id: UUID, open_session: Session, invoice_id: UUID, reason: str, **more: Any) -> bool:
    return reverse_payment(open_session, invoice_id, payment_id, reason, **more)


@pages.post("/admin/invoices/<uuid:invoice_id>/void")
def void_invoice(invoice_id: UUID) -> Response:
    """Void an unpaid invoice; its lines wait for another."""
    issued, form = get_issued(session(), invoice_id), VoidForm()
    if not form.validate_on_submit():
        return _page(issued, void_form=form, status=422)
    return _settle(
        issued, settle.void_invoice, form.text("void_reason"),
        "The invoice is void. What was on it waits for another invoice.",
    )  # fmt: skip


@pages.post("/admin/invoices/<uuid:invoice_id>/write-off")
def write_off_invoice(invoice_id: UUID) -> Response:
    """Give up what is left of an invoice."""
    issued, form = get_issued(session(), invoice_id), WriteOffForm()
    if not form.validate_on_submit():
        return _page(issued, write_off_form=form, status=422)
    return _settle(issued, settle.write_off, form.text("write_off_reason"), "The invoice is written off.")


@pages.post("/admin/orgs/<uuid:org_id>/invoice-terms")
def change_invoice_terms(org_id: UUID) -> Response:
    """Agree within how many days the organisation's next invoices are due."""
    accounts.get_org(session(), org_id)
    form = TermsForm()
    if not form.validate_on_submit() or form.terms_days.data is None:
        return render_org_page(org_id, terms_form=form, status=422)
    with transaction() as open_session:
        changed = set_terms_days(
            open_session, org_id, form.terms_days.data, actor=actor_for(org_id), now=business_now()
        )
    words = f"New invoices are due within {form.terms_days.data} days." if changed else "Nothing was changed."
    flash_message("success" if changed else "info", words)
    return redirect_to("admin.org", org_id=org_id, _anchor="invoices")


@pages.post("/admin/orgs/<uuid:org_id>/invoices")
def invoice_org(org_id: UUID) -> Response:
    """Invoice now what waits for the organisation's next invoice."""
    accounts.get_org(session(), org_id)
    now, grace = business_now(), runtime().settings.close_grace
    with transaction() as open_session:
        numbers = [
            row.number for row in issue_waiting(open_session, org_id, now, now, grace=grace, actor=actor_for(org_id))
        ]
    words = f"Issued {' and '.join(numbers)}." if numbers else "There is nothing to invoice."
    flash_message("success" if numbers else "info", words)
    return redirect_to("admin.org", org_id=org_id, _anchor="invoices")


def _settle(issued: IssuedInvoice, act: Callable[..., bool], reason: str, words: str) -> Response:
    invoice_id, actor = issued.invoice_id, actor_for(issued.org_id)
    try:
        with transaction() as open_session:
            changed = act(open_session, invoice_id, reason, actor=actor, now=business_now())
    except Conflict as refused:
        flash_message("error", refused.detail)
    else:
        flash_message("success" if changed else "info", words if changed else "Nothing was changed.")
    return redirect_to("admin.invoice", invoice_id=invoice_id)


def _find_pdf(issued: IssuedInvoice) -> str | None:
    kept = is_kept(session(), issued.invoice_id)
    return path_to("admin.invoice_pdf", invoice_id=str(issued.invoice_id)) if kept else None


def _page(
    issued: IssuedInvoice,
    *,
    payment_form: PaymentForm | None = None,
    void_form: VoidForm | None = None,
    write_off_form: WriteOffForm | None = None,
    reversal_form: ReversalForm | None = None,
    status: int = 200,
) -> Response:
    """The page, with the form that was refused in place of an empty one."""
    payments = list_payments(session(), issued.org_id, issued.invoice_id)
    return render(
        "admin/invoice.html",
        status=status,
        org=accounts.get_org(session(), issued.org_id),
        issued=issued,
        view=build_issued_view(issued, payments, business_now(), _find_pdf(issued)),
        payment_form=payment_form or build_payment_form(issued),
        void_form=void_form or VoidForm(),
        write_off_form=write_off_form or WriteOffForm(),
        reversal_form=reversal_form or build_reversal_form(issued, payments),
    )
