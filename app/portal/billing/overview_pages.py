"""The billing page, the CSV history, changing the card, and paying an overdue invoice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response, request

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.queries import select_active_members
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import DomainError
from app.kit.postgres.together import prepare
from app.payments import gateway
from app.payments import resume as resumption
from app.payments.checkout import card_page
from app.payments.payment_methods import arrears
from app.payments.payment_methods.arrears import PaymentResult
from app.payments.payment_methods.overage_state import find_overage_state, select_overage_state
from app.portal.billing import history as histories
from app.portal.billing import words
from app.portal.billing.blueprint import billing, plan_managers_to_ask, redirect_to_stripe, render_failure
from app.portal.billing.ours import get_our_invoices, select_our_invoices
from app.portal.billing.overview import AmountPreview, build_billing_view
from app.portal.billing.read_status import get_billing_status
from app.portal.billing.requests import RecordsQuery, parse_records_query
from app.portal.billing.status import BillingStatus
from app.portal.shell.agreed import describe_overrides
from app.portal.shell.people import get_org_id
from app.statements.moves import find_announced_move
from app.statements.wording import format_amount
from app.stripe_gateway import invoices
from app.stripe_gateway.errors import StripeMissing
from app.subscriptions.overrides.held import list_overrides, select_overrides
from app.web.csv_file import stream_csv
from app.web.database import end_read_transaction, session
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now


@billing.get("")
def index() -> Response:
    """Plan, next payment, card and history. With `exact`, fetches the next invoice's amount from Stripe."""
    return render_page()


@billing.get("/history.csv")
def history_csv() -> Response:
    """All records of the filter as CSV. Audited."""
    who = guards.caller()
    audit_read(who.actor, EXPORTED_BILLING, get_org_id(who))
    query = parse_records_query(request.args, who.time_zone)
    org_id = get_org_id(who)
    return stream_csv(
        "billing-history",
        histories.HEAD,
        lambda opened: histories.iterate_file_rows(opened, org_id, query.record_filter),
    )


@billing.post("/card")
def change_card() -> Response:
    """Redirect to Stripe's page for entering a card; card data never passes through this server."""
    who = guards.caller()
    try:
        url = card_page.open_card_page(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, render_page)
    return redirect_to_stripe(url)


@billing.post("/pay")
def pay() -> Response:
    """Pay what is owed with the card on file, or on Stripe's invoice page if the bank asks for more."""
    who = guards.caller()
    try:
        payment = arrears.pay_now(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, render_page)
    if payment.state == "paid":
        at = get_billing_status(session(), get_org_id(who), business_now())
        flash_message("success" if not at.late else "info", words.describe_paid(at))
        return redirect_to("billing.index")
    if payment.state in {"open", "confirm"} and payment.url:
        return redirect_to_stripe(payment.url)
    return render_page(trouble=_describe_decline(payment), status=402)


@billing.post("/resume")
def resume() -> Response:
    """Resume a paused plan, or pay for that on Stripe's invoice page if the card does not do."""
    who = guards.caller()
    try:
        result = resumption.resume_subscription(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, render_page)
    if not result.resumed and result.url:
        return redirect_to_stripe(result.url)
    words_of_it = "Your plan is running again." if result.resumed else "Your plan was not resumed. Nothing was charged."
    flash_message("success" if result.resumed else "info", words_of_it)
    return redirect_to("billing.index")


def _describe_decline(payment: PaymentResult) -> str:
    reason = f" {payment.reason}" if payment.reason else ""
    if not payment.paid:
        return f"The card was declined.{reason} Nothing was charged. Change the card and try again."
    before = f"{payment.paid} of {payment.owed} invoices {'was' if payment.paid == 1 else 'were'} paid"
    return f"{before}, then the card was declined.{reason} Change the card and try again."


def render_page(*, trouble: str | None = None, status: int = 200) -> Response:
    """The billing page; `trouble` is an error that an act on it met."""
    who, now = guards.caller(), business_now()
    org = get_org_id(who)
    query, at = parse_records_query(request.args, who.time_zone), get_billing_status(session(), org, now)
    preview = _preview(at) if "exact" in request.args and not trouble else None
    _prepare(org, who, query, now)
    view = build_billing_view(
        at,
        histories.get_history_view(session(), org, query),
        role=who.role,
        payments_on=gateway.payments_on(),
        people=plan_managers_to_ask(who),
        preview=preview,
        ours=get_our_invoices(session(), org, now),
        agreed=describe_overrides(list_overrides(session(), org, now), now),
        overage=find_overage_state(session(), org, now) if at.collection == "none" and at.plan_key else None,
        move=find_announced_move(session(), org) if at.moves else None,
        trouble=trouble,
    )
    return render("billing/billing.html", fragments=("next",), status=status, view=view)


def _prepare(org: UUID, who: Caller, query: RecordsQuery, now: datetime) -> None:
    """Read together what the page is made of beside the status."""
    people = [] if who.role in PLAN_MANAGERS else [select_active_members(org, PLAN_MANAGERS)]
    prepare(
        session(), *histories.select_page(org, query), select_our_invoices(org, now), select_overrides(org, now),
        *select_overage_state(org, now), *people,
    )  # fmt: skip


def _preview(at: BillingStatus) -> AmountPreview:
    """Fetch Stripe's preview of the next invoice. If Stripe is unreachable, the page says so and still renders."""
    if at.stripe_id is None or not at.is_renewed or at.late:
        return AmountPreview()
    end_read_transaction()
    try:
        stripe = gateway.get_gateway()
        with stripe.budget():
            invoice = invoices.preview_next(stripe, at.stripe_id)
    except StripeMissing:
        return AmountPreview(trouble="Stripe has no next invoice for this plan. Reload the page in a minute.")
    except DomainError:
        return AmountPreview(trouble="Stripe is not responding at the moment. Check again later for the exact amount.")
    return AmountPreview(format_amount(invoice.total, invoice.currency))
