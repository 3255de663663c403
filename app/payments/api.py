"""Billing API: the current subscription, starting and cancelling a paid plan, the card and the payment history."""

from __future__ import annotations

from uuid import UUID

from app.accounts.guards import acting_org, caller
from app.invoices.offline.queries import find_issued
from app.payments import examples, queries
from app.payments.billing_summary import build_billing_answer, build_record_out, build_subscription_answer
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.checkout.card_page import open_card_page
from app.payments.checkout.open_checkout import AlreadyPaid, open_checkout
from app.payments.mirrors.queries import list_credit_notes, list_refunds
from app.payments.models import BillingRecord
from app.payments.plan_changes.take import take_later, take_quote
from app.payments.queries import RecordFilter
from app.payments.schemas import (
    BillingAnswer,
    BillingHistoryAnswer,
    BillingHistoryQuery,
    CardRequest,
    ChangeAnswer,
    PageAnswer,
    PlanChosen,
    PlanHeld,
    SubscriptionAnswer,
    SubscriptionEventOut,
)
from app.subscriptions import queries as subscriptions
from app.web.api import Api
from app.web.database import session
from app.web.paging import encode_cursor, parse_time_id_cursor
from app.web.runtime import business_now

api = Api("payments", __name__)
_PAGE_AT_STRIPE = "payments_off", "conflict"


@api.operation(
    "GET", "/subscription", response=SubscriptionAnswer, answer=examples.SUBSCRIPTION,
    summary="Get the current subscription",
    description="Also answers for the Free plan: `collection` is `none` and nothing is owed.",
)  # fmt: skip
def show_subscription() -> SubscriptionAnswer:
    """Read from our own database; makes no call to Stripe."""
    return build_subscription_answer(session(), acting_org(), business_now())


@api.operation(
    "POST", "/subscription", request=PlanChosen, response=ChangeAnswer, example=examples.CHOOSE,
    answer=examples.CHOSEN, outside=True,
    errors=("not_found", "payment_refused", "quote_expired", *_PAGE_AT_STRIPE),
    statuses={202: "Payment is needed first, on the page at `checkout_url`."},
    summary="Start or change a paid plan",
    description="Returns 202 with the address of a Stripe payment page. Repeating the call returns the same page;"
    " choosing another plan expires it. Returns 200 if the organisation already has the plan, and undoes a planned"
    " cancellation. If you already pay for a plan, send the `quote` of `POST /subscription/preview`. The change is made"
    " and charged at once (200), or waits for the cardholder's bank (202). A declined card is 402, with the invoice's"
    " `pay_url`: paid there within 23 hours, the change is made, else it is dropped. If the amount differs, 409"
    " `quote_expired` carries a new `quote` and its `amount_due`. Repeating a quote charges nothing more."
    " A change that waits for the end of the paid period needs no quote: it is planned (200, `takes_effect_at`), and"
    " undone by choosing the running plan.",
)  # fmt: skip
def take_plan(chosen: PlanChosen) -> tuple[ChangeAnswer, int]:
    """Start the first paid plan through Checkout, or change a running one by its quote."""
    org_id, actor, now = acting_org(), caller().actor, business_now()
    if chosen.quote is not None:
        result = take_quote(org_id, chosen, chosen.quote, actor=actor, now=now)
        applied = result.state == "applied"
        return ChangeAnswer(applied=applied, checkout_url=result.pay_url, checkout_id=None), 200 if applied else 202
    later = take_later(org_id, chosen, actor=actor, now=now)
    if later is not None:
        return ChangeAnswer(applied=False, checkout_url=None, checkout_id=None, takes_effect_at=later), 200
    try:
        opened = open_checkout(
            org_id, plan_key=chosen.plan, interval=chosen.interval, currency=chosen.currency, actor=actor, now=now
        )
    except AlreadyPaid:
        if build_subscription_answer(session(), org_id, now).ends_at is not None:
            undo_cancel(org_id, actor=actor, now=now)
        return ChangeAnswer(applied=True, checkout_url=None, checkout_id=None), 200
    return ChangeAnswer(applied=False, checkout_url=opened.url, checkout_id=str(opened.checkout_id)), 202


@api.operation(
    "DELETE", "/subscription", response=SubscriptionAnswer, answer=examples.CANCELLED, errors=_PAGE_AT_STRIPE,
    summary="Cancel at the end of the paid period",
    description="Nothing changes until then. Repeating the call has no effect; `POST /subscription` for the same plan"
    " undoes it. Returns 409 if the organisation does not pay through Stripe.",
)  # fmt: skip
def cancel_plan() -> SubscriptionAnswer:
    """Cancel at the end of the billing period."""
    org_id, now = acting_org(), business_now()
    cancel_at_period_end(org_id, actor=caller().actor, now=now)
    return build_subscription_answer(session(), org_id, now)


@api.operation(
    "GET", "/billing", response=BillingAnswer, answer=examples.BILLING,
    summary="Get the plan, payment method and next invoice",
    description="The next invoice is Stripe's preview. If Stripe does not respond, it is the plan's fee and `exact` is"
    " false.",
)  # fmt: skip
def show_billing() -> BillingAnswer:
    """Answers even when Stripe is unreachable."""
    return build_billing_answer(session(), acting_org(), business_now())


@api.operation(
    "POST", "/billing/payment-method", request=CardRequest, response=PageAnswer, example=examples.CARD,
    answer=examples.PAGE, errors=_PAGE_AT_STRIPE, outside=True,
    summary="Get a Stripe page for giving or changing the card",
    description="The address of a page for changing the card expires within minutes, so every call creates a new one."
    " Without a card, it is a page for saving the first one, which stays the same until it is used or a day has passed."
    " Card numbers never reach Tollkeeper.",
)  # fmt: skip
def change_card(body: CardRequest) -> PageAnswer:  # noqa: ARG001  (a POST has a body)
    """Return an address to open in a browser."""
    return PageAnswer(open_card_page(acting_org(), actor=caller().actor, now=business_now()))


@api.operation(
    "GET", "/billing/history", query=BillingHistoryQuery, response=BillingHistoryAnswer, answer=examples.HISTORY,
    summary="List payments and subscription events",
    description="Billing records, a page at a time; the first page also carries the newest 200 subscription events.",
)  # fmt: skip
def billing_history(query: BillingHistoryQuery) -> BillingHistoryAnswer:
    """List billing records by filter and page."""
    org_id = acting_org()
    before = parse_time_id_cursor(query.next)
    record_filter = RecordFilter(query.state, query.start, query.end)
    rows = queries.list_billing_records(session(), org_id, record_filter, before, query.limit + 1)
    shown = rows[: query.limit]
    following = encode_cursor(shown[-1].created_at.isoformat(), str(shown[-1].id)) if len(rows) > query.limit else None
    numbers = _find_invoice_numbers(org_id, shown)
    notes = list_credit_notes(session(), org_id, [row.invoice_id for row in shown if row.invoice_id])
    refunded = [row.transaction_id for row in shown if row.transaction_id and row.refunded]
    refunds = list_refunds(session(), org_id, refunded)
    records = [
        build_record_out(
            row,
            numbers.get(row.offline_invoice_id or row.invoice_id),
            notes.get(row.invoice_id or "", ()),
            refunds.get(row.transaction_id or "", ()),
        )
        for row in shown
    ]
    return BillingHistoryAnswer(records, _list_events(org_id, record_filter) if before is None else [], following)


def _list_events(org_id: UUID, record_filter: RecordFilter) -> list[SubscriptionEventOut]:
    return [
        SubscriptionEventOut(event.kind, event.at, PlanHeld(event.plan.key, event.plan.name, event.plan.number))
        for event in subscriptions.list_history(session(), org_id)
        if (record_filter.start is None or record_filter.start <= event.at)
        and (record_filter.end is None or event.at < record_filter.end)
    ]


def _find_invoice_numbers(org_id: UUID, rows: list[BillingRecord]) -> dict[str | UUID | None, str | None]:
    ids = [row.invoice_id for row in rows if row.invoice_id]
    ours = find_issued(session(), org_id, {row.offline_invoice_id for row in rows if row.offline_invoice_id})
    numbers: dict[str | UUID | None, str | None] = {key: issued.number for key, issued in ours.items()}
    return numbers | {key: bill.number for key, bill in queries.find_invoices_by_id(session(), org_id, ids).items()}
