"""The billing page, its history as a file, the card, and paying what is owed."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response, request, stream_with_context

from app.accounts import guards
from app.kit.errors import DomainError
from app.payments import gateway
from app.payments.payment_methods import card
from app.payments.queries import RecordFilter
from app.portal.billing import history as histories
from app.portal.billing.blueprint import billing, plan_managers_to_ask, redirect_to_stripe, render_failure
from app.portal.billing.overview import AmountPreview, billing_view
from app.portal.billing.requests import parse_records_query
from app.portal.billing.status import BillingStatus, billing_status
from app.portal.shell.people import org_of
from app.statements.wording import amount
from app.stripe_gateway import invoices
from app.web import csv_export
from app.web.database import end_read_transaction, session
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now


@billing.get("")
def index() -> Response:
    """Plan, next payment, card, and what moved. With `exact`, Stripe's own figure of the next invoice."""
    return _page()


@billing.get("/history.csv")
def history_csv() -> Response:
    """All records of the filter as a file, a line each."""
    who = guards.caller()
    asked = parse_records_query(request.args, who.time_zone)
    body = stream_with_context(csv_export.lines(histories.HEAD, _file_rows(org_of(who), asked.wanted)))
    headers = {"Content-Disposition": 'attachment; filename="billing-history.csv"'}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


def _file_rows(org: UUID, wanted: RecordFilter) -> Iterator[tuple[csv_export.Cell, ...]]:
    """Its session is asked for while the file leaves: the view's own is closed by then, and nobody would end it."""
    yield from histories.file_rows(session(), org, wanted)


@billing.post("/card")
def change_card() -> Response:
    """To Stripe's page, where a card is typed: none ever passes through here."""
    who = guards.caller()
    try:
        where = card.open_card_page(org_of(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, _page)
    return redirect_to_stripe(where)


@billing.post("/pay")
def pay() -> Response:
    """Pay what is owed with the card that is kept; where the bank wants more, on the invoice's own page."""
    who = guards.caller()
    try:
        done = card.pay_now(org_of(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, _page)
    if done.state == "paid":
        flash_message("success", "Paid. The limits of your plan hold.")
        return redirect_to("billing.index")
    if done.state == "open" and done.url:
        return redirect_to_stripe(done.url)
    reason = f" {done.reason}" if done.reason else ""
    return _page(trouble=f"The card was declined.{reason} Nothing was charged. Change the card, then pay.", status=402)


def _page(*, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = org_of(who)
    asked, at = parse_records_query(request.args, who.time_zone), billing_status(session(), org, now)
    preview = _preview(at) if "exact" in request.args and not trouble else None
    view = billing_view(
        at,
        histories.history(session(), org, asked),
        role=who.role,
        payments_on=gateway.payments_on(),
        people=plan_managers_to_ask(who),
        preview=preview,
        trouble=trouble,
    )
    return render("portal/billing.html", fragments=("next",), status=status, view=view)


def _preview(at: BillingStatus) -> AmountPreview:
    """What Stripe would bill next; when it is away the page says so and stays whole."""
    if at.stripe_id is None or at.cancels or at.late:
        return AmountPreview()
    end_read_transaction()
    try:
        way = gateway.get_gateway()
        with way.budget():
            found = invoices.preview_next(way, at.stripe_id)
    except DomainError:
        return AmountPreview(trouble="Stripe does not answer at the moment; look again later for the exact amount.")
    return AmountPreview(amount(found.total, found.currency))
