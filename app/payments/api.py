"""The billing calls: what the org is on, taking and leaving a paid plan, the card, and what was paid."""

from __future__ import annotations

from uuid import UUID

from app.accounts.guards import acting_org, caller
from app.payments import examples, queries
from app.payments.billing_summary import build_billing_answer, build_record_out, build_subscription_answer
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.checkout.open_checkout import AlreadyPaid, open_checkout
from app.payments.models import BillingRecord
from app.payments.payment_methods.card import open_card_page
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
from app.web.paging import read_place, write_cursor
from app.web.runtime import business_now

api = Api("payments", __name__)
_PAGE_AT_STRIPE = "payments_off", "conflict"


@api.operation(
    "GET", "/subscription", response=SubscriptionAnswer, answer=examples.SUBSCRIPTION,
    summary="What the organisation is on",
    description="The Free plan is an answer too: nobody collects (`none`), and nothing is owed.",
)  # fmt: skip
def show_subscription() -> SubscriptionAnswer:
    """From our own books: Stripe is not asked."""
    return build_subscription_answer(session(), acting_org(), business_now())


@api.operation(
    "POST", "/subscription", request=PlanChosen, response=ChangeAnswer, example=examples.CHOOSE,
    answer=examples.CHOSEN, errors=("not_found", *_PAGE_AT_STRIPE), outside=True,
    statuses={202: "Somebody has to pay first, on the page at `checkout_url`."},
    summary="Take a paid plan",
    description="Answers 202 with a page of Stripe's to pay on. Repeating it gives the same page; another choice"
    " expires it. 200: the plan is the organisation's; where it was about to end, it goes on. Changing from one paid"
    " plan to another is refused with 409: cancel first.",
)  # fmt: skip
def take_plan(chosen: PlanChosen) -> tuple[ChangeAnswer, int]:
    """A first paid plan, by checkout."""
    org_id, actor, now = acting_org(), caller().actor, business_now()
    try:
        opened = open_checkout(
            org_id, plan_key=chosen.plan, interval=chosen.interval, currency=chosen.currency, actor=actor, now=now
        )
    except AlreadyPaid:
        if build_subscription_answer(session(), org_id, now).cancel_at_period_end:
            undo_cancel(org_id, actor=actor, now=now)
        return ChangeAnswer(applied=True, checkout_url=None, checkout_id=None), 200
    return ChangeAnswer(applied=False, checkout_url=opened.url, checkout_id=str(opened.checkout_id)), 202


@api.operation(
    "DELETE", "/subscription", response=SubscriptionAnswer, answer=examples.CANCELLED, errors=_PAGE_AT_STRIPE,
    summary="Cancel at the end of the period that is paid for",
    description="Until then nothing changes. Repeating it changes nothing; `POST /subscription` for the same plan takes"
    " it back. 409 when Stripe collects nothing from the organisation.",
)  # fmt: skip
def cancel_plan() -> SubscriptionAnswer:
    """At the period's end."""
    org_id, now = acting_org(), business_now()
    cancel_at_period_end(org_id, actor=caller().actor, now=now)
    return build_subscription_answer(session(), org_id, now)


@api.operation(
    "GET", "/billing", response=BillingAnswer, answer=examples.BILLING,
    summary="Plan, payment method and next invoice",
    description="The next invoice is Stripe's preview; when Stripe does not answer it is the plan's fee, and `exact` is"
    " false.",
)  # fmt: skip
def show_billing() -> BillingAnswer:
    """Answers without Stripe too."""
    return build_billing_answer(session(), acting_org(), business_now())


@api.operation(
    "POST", "/billing/payment-method", request=CardRequest, response=PageAnswer, example=examples.CARD,
    answer=examples.PAGE, errors=_PAGE_AT_STRIPE, outside=True,
    summary="A page of Stripe's to change the card",
    description="The address lapses within minutes, so every call makes a new one. Card numbers never pass Tollkeeper.",
)  # fmt: skip
def change_card(asked: CardRequest) -> PageAnswer:  # noqa: ARG001  (a POST has a body)
    """For a person's browser."""
    return PageAnswer(open_card_page(acting_org(), actor=caller().actor, now=business_now()))


@api.operation(
    "GET", "/billing/history", query=BillingHistoryQuery, response=BillingHistoryAnswer, answer=examples.HISTORY,
    summary="What was paid, and what happened to the subscription",
    description="Billing records by page; the newest 200 subscription events with the first page.",
)  # fmt: skip
def billing_history(query: BillingHistoryQuery) -> BillingHistoryAnswer:
    """Records by filter and page."""
    org_id = acting_org()
    before = read_place(query.next)
    wanted = RecordFilter(query.state, query.start, query.end)
    rows = queries.list_billing_records(session(), org_id, wanted, before, query.limit + 1)
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].created_at.isoformat(), str(shown[-1].id)) if len(rows) > query.limit else None
    numbers = _numbers(org_id, shown)
    records = [build_record_out(row, numbers.get(row.invoice_id or "")) for row in shown]
    return BillingHistoryAnswer(records, _events(org_id, wanted) if before is None else [], following)


def _events(org_id: UUID, wanted: RecordFilter) -> list[SubscriptionEventOut]:
    return [
        SubscriptionEventOut(each.kind, each.at, PlanHeld(each.plan.key, each.plan.name, each.plan.number))
        for each in subscriptions.list_history(session(), org_id)
        if (wanted.start is None or wanted.start <= each.at) and (wanted.end is None or each.at < wanted.end)
    ]


def _numbers(org_id: UUID, rows: list[BillingRecord]) -> dict[str, str | None]:
    ids = [row.invoice_id for row in rows if row.invoice_id]
    return {key: each.number for key, each in queries.find_invoices_by_id(session(), org_id, ids).items()}
