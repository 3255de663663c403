"""What the billing calls take and answer. Amounts are integers of the currency's minor unit."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.kit.fields import CurrencyCode, Instant, ShortText
from app.web.paging import Limit


class PlanHeld(msgspec.Struct):
    """A plan version."""

    key: str
    name: str
    version: int


class Span(msgspec.Struct):
    """[start, end)."""

    start: Instant
    end: Instant


class Overdue(msgspec.Struct):
    """A payment that failed: from `limits_fall_at` on, unless it is paid, the Free plan's limits hold."""

    amount: int
    currency: str
    since: Instant
    limits_fall_at: Instant | None


class SubscriptionAnswer(msgspec.Struct):
    """What the organisation is on.

    `collection` says who collects the money: nobody (`none`), us by invoice (`offline`), or Stripe (`stripe`). `fee` is
    what each `interval` costs; null by agreement. `limited`: the Free plan's limits hold, since a payment is overdue.
    """

    plan: PlanHeld
    state: str
    collection: str
    interval: str | None
    currency: str | None
    fee: int | None
    started_at: Instant | None
    period: Span | None
    cancel_at_period_end: bool
    ends_at: Instant | None
    limited: bool
    overdue: Overdue | None


class PlanChosen(msgspec.Struct, forbid_unknown_fields=True):
    """The plan wanted, by key: its newest published version, at one of its prices."""

    plan: ShortText
    currency: CurrencyCode
    interval: Literal["month", "year"] = "month"


class ChangeAnswer(msgspec.Struct):
    """`applied`: the organisation is on the plan. Else somebody pays at `checkout_url`, a page of Stripe's."""

    applied: bool
    checkout_url: str | None
    checkout_id: str | None


class CardShown(msgspec.Struct):
    """What invoices are charged to. Of what is no card, `brand` is its kind and the rest may be null."""

    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None


class NextInvoice(msgspec.Struct):
    """What the next period costs, and when. `exact`: Stripe's own preview, discounts included; else the plan's fee."""

    at: Instant
    amount: int
    currency: str
    exact: bool


class BillingAnswer(msgspec.Struct):
    """The subscription, how it is paid, and what comes next (null when nothing does)."""

    subscription: SubscriptionAnswer
    payment_method: CardShown | None
    next_invoice: NextInvoice | None


class CardRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing needs to be said."""


class PageAnswer(msgspec.Struct):
    """A page of Stripe's to open in a browser; whoever has the address may use it, for some minutes."""

    url: str


class BillingHistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Records of a state, made from `from` until before `to`; `next` is the cursor of the page before."""

    state: Literal["pending", "completed", "failed", "refunded"] | None = None
    start: Instant | None = msgspec.field(default=None, name="from")
    end: Instant | None = msgspec.field(default=None, name="to")
    limit: Limit = 50
    next: str | None = None


class RecordOut(msgspec.Struct):
    """A movement of money. `refunded` is the part of `amount` that went back."""

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
    invoice_number: str | None
    created_at: Instant
    settled_at: Instant | None


class SubscriptionEventOut(msgspec.Struct):
    """What happened to a subscription (started, renewed, cancel_planned, past_due, ended, …), on which plan."""

    kind: str
    at: Instant
    plan: PlanHeld


class BillingHistoryAnswer(msgspec.Struct):
    """Newest first. `events` stand on the first page, the newest 200; `next` is null on the last page of records."""

    records: list[RecordOut]
    events: list[SubscriptionEventOut]
    next: str | None
