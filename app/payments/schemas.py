"""Requests and responses of the billing API. Amounts are integers in the currency's minor unit."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.kit.fields import CurrencyCode, Instant, ShortText, SignedText
from app.web.paging import Limit


class PlanHeld(msgspec.Struct):
    """A plan version."""

    key: str
    name: str
    version: int


class Span(msgspec.Struct):
    """A period, [start, end)."""

    start: Instant
    end: Instant


class Overdue(msgspec.Struct):
    """What is owed after a failed payment, over all unpaid invoices of the subscription.

    Unless it is paid, the Free plan's limits apply from `limits_fall_at`; null: no change of limits is planned.
    `confirm_url`: the bank asks the cardholder to confirm the payment (3-D Secure) on this page of Stripe's.
    """

    amount: int
    currency: str
    since: Instant
    limits_fall_at: Instant | None
    confirm_url: str | None


class PlannedTerm(msgspec.Struct):
    """A term that differs: its path as in a catalogue file, and both values; a dash where there is none."""

    path: str
    before: str
    after: str


class PlannedChangeOut(msgspec.Struct):
    """A change that takes effect with the billing period that begins at `at`.

    `announced_by` is `organisation`, which can undo it until then, or `staff`, who have told it: then `usage_at` is
    when limits and prices of usage follow, and `differences` are the terms that differ. `fee` is the price per
    `interval` from `at` on; null for a custom plan.
    """

    plan: PlanHeld
    interval: str
    at: Instant
    fee: int | None
    announced_by: Literal["organisation", "staff"]
    usage_at: Instant
    differences: list[PlannedTerm]


class PendingChangeOut(msgspec.Struct):
    """A change that waits for its payment at `pay_url`, a Stripe page; unpaid at `expires_at`, it is dropped."""

    plan: PlanHeld | None
    interval: str | None
    expires_at: Instant
    pay_url: str | None


class SubscriptionAnswer(msgspec.Struct):
    """The organisation's current subscription.

    `collection` says who collects the money: nobody (`none`), us by invoice (`offline`), or Stripe (`stripe`). `fee` is
    the price per `interval`; null for a custom plan. `limited`: the Free plan's limits apply, since a payment is
    overdue (`overdue`) or the plan is paused (`state`).
    `ends_at` is when the plan ends, if an end is planned; `cancel_at_period_end`: that is when `period` ends.
    `newest_version` is the one that the plan is sold as today; `plan.version` is the organisation's own.
    `trial_ends_at` is set in a trial: until then nothing is charged, and then the first `fee`, unless it ends before.
    """

    plan: PlanHeld
    newest_version: int
    state: str
    collection: str
    interval: str | None
    currency: str | None
    fee: int | None
    started_at: Instant | None
    period: Span | None
    cancel_at_period_end: bool
    ends_at: Instant | None
    trial_ends_at: Instant | None
    limited: bool
    overdue: Overdue | None
    planned_change: PlannedChangeOut | None
    pending_change: PendingChangeOut | None


class PlanWanted(msgspec.Struct, forbid_unknown_fields=True):
    """A plan, by key, at one of its prices."""

    plan: ShortText
    currency: CurrencyCode
    interval: Literal["month", "year"] = "month"


class PlanChosen(PlanWanted, forbid_unknown_fields=True):
    """A plan to start, by key: its newest published version, at one of its prices.

    If you already pay for a plan, send the `quote` of `POST /subscription/preview`: what it says is charged, nothing
    else.
    """

    quote: SignedText | None = None


class ChangeAnswer(msgspec.Struct):
    """`applied`: the organisation is on the plan. Otherwise payment is needed at `checkout_url`, a Stripe page.

    `takes_effect_at`: the change is planned for then, the end of the paid period.
    """

    applied: bool
    checkout_url: str | None
    checkout_id: str | None
    takes_effect_at: Instant | None = None


class CardShown(msgspec.Struct):
    """The payment method for invoices. If it is not a card, `brand` is its type and the rest may be null."""

    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None


class NextInvoice(msgspec.Struct):
    """The next invoice. `exact`: Stripe's own preview, discounts included; otherwise the plan's fee."""

    at: Instant
    amount: int
    currency: str
    exact: bool


class SecondSubscriptionOut(msgspec.Struct):
    """A subscription that Stripe charges beside the current one and that grants nothing. Ask us to end it."""

    plan: PlanHeld
    amount: int
    currency: str
    interval: str
    renews_at: Instant


class BillingAnswer(msgspec.Struct):
    """The subscription, its payment method and the next invoice (null if there is none).

    `second_subscriptions` is empty unless the organisation is charged twice. `pays_for_overage`: on a plan without a
    fee, usage above the allowance is charged to the card, as a person has switched on at `/billing`.
    """

    subscription: SubscriptionAnswer
    payment_method: CardShown | None
    next_invoice: NextInvoice | None
    second_subscriptions: list[SecondSubscriptionOut]
    pays_for_overage: bool


class CardRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object."""


class PageAnswer(msgspec.Struct):
    """A Stripe page to open in a browser. Anyone with the address can use it for a few minutes."""

    url: str


class BillingHistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Records in a state, created from `from` until before `to`; `next` is the cursor from the previous page.

    `refunded` also finds payments of which only a part went back; their state stays `completed`.
    """

    state: Literal["pending", "completed", "failed", "refunded", "reversed"] | None = None
    start: Instant | None = msgspec.field(default=None, name="from")
    end: Instant | None = msgspec.field(default=None, name="to")
    limit: Limit = 50
    next: str | None = None


class RefundOut(msgspec.Struct):
    """A refund of a payment, and when it was made."""

    amount: int
    at: Instant


class RecordOut(msgspec.Struct):
    """A payment. `refunded` is the part of `amount` that was returned, by `refunds`; `credit_notes` are numbers.

    `reference` is the bank's, of a payment of an invoice that we sent (`reason` is then `offline_invoice`). Such a
    payment is `reversed` if we recorded it by mistake: no money came.
    """

    id: str
    state: str
    reason: str
    description: str
    amount: int
    refunded: int
    currency: str
    card_brand: str | None
    card_last4: str | None
    failure: str | None
    reference: str | None
    invoice_number: str | None
    credit_notes: list[str]
    refunds: list[RefundOut]
    created_at: Instant
    settled_at: Instant | None


class SubscriptionEventOut(msgspec.Struct):
    """A subscription event (started, renewed, cancel_planned, past_due, ended, …) and the plan at the time."""

    kind: str
    at: Instant
    plan: PlanHeld


class BillingHistoryAnswer(msgspec.Struct):
    """Newest first. `events` holds the newest 200, on the first page only; `next` is null on the last page."""

    records: list[RecordOut]
    events: list[SubscriptionEventOut]
    next: str | None
