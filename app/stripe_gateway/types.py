"""Our types for Stripe's objects: times in UTC, amounts in integer minor units, currencies in upper case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Card:
    """A payment method, typed at `created_at`. If it is no card, `brand` is its type (`link`); the rest may be None.

    `fingerprint` is the same for the same number, whoever types it.
    """

    id: str
    brand: str
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    created_at: datetime
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class CardChoice:
    """Somebody chose a card to be charged, as Stripe's log of events tells. `key` is the idempotency key of the call.

    Choices on Stripe's own pages have no key.
    """

    card_id: str
    at: datetime
    key: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer. `card` is its default payment method. A deleted customer has only an id.

    `balance` is in minor units of its currency; below zero it is a credit towards the next invoices.
    """

    id: str
    email: str | None
    org_id: UUID | None
    delinquent: bool
    deleted: bool
    card: Card | None
    created_at: datetime | None
    balance: int = 0


@dataclass(frozen=True, slots=True)
class TaxId:
    """A customer's tax id, such as type eu_vat with value DE123456789."""

    id: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class RemotePrice:
    """A recurring price; `amount` per `interval` (`month`, `year`)."""

    id: str
    product_id: str
    lookup_key: str | None
    amount: int
    currency: str
    interval: str
    active: bool


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout session. `url` is set while `status` is open; the other ids are filled in as it proceeds.

    `status`: open, complete, expired. `payment_status`: paid, unpaid, no_payment_required.
    """

    id: str
    mode: str
    status: str
    payment_status: str
    url: str | None
    customer_id: str | None
    subscription_id: str | None
    invoice_id: str | None
    setup_intent_id: str | None
    checkout_id: UUID | None


@dataclass(frozen=True, slots=True)
class RemoteDiscount:
    """A discount of a subscription: a percentage, or an amount in minor units of `currency`; until `ends_at`.

    `once`: it comes off the next invoice only.
    """

    coupon_id: str
    percent_off: Decimal | None
    amount_off: int | None
    currency: str | None
    ends_at: datetime | None
    once: bool = False


@dataclass(frozen=True, slots=True)
class RemoteFee:
    """A fixed price of a subscription's item: `amount` in our minor units, exact, every `every` intervals."""

    amount: Decimal
    interval: str
    quantity: int
    every: int


@dataclass(frozen=True, slots=True)
class RemoteSubscription:
    """A subscription; item, price, `quantity` and period are its first item's. `card` is its own, not its customer's.

    We make subscriptions of one item with the quantity 1. `item_count` says how many it has, `fees` what all of them
    cost each period; usage that Stripe meters is no fee.

    `collection_paused` says what becomes of invoices while collection is paused: keep_as_draft, mark_uncollectible,
    void. None: it is not.

    `cancel_at` is when it will end, however that was planned. Stripe plans it in two ways: `cancel_at_period_end` (our
    own page) and a time alone (its portal and dashboard in flexible billing mode).

    `pending_price_id` is the price of a change that waits for its payment until `pending_expires_at`; `schedule_id` is
    the schedule that manages it.
    """

    id: str
    customer_id: str
    status: str
    item_id: str
    price_id: str
    period_start: datetime
    period_end: datetime
    anchor_at: datetime
    cancel_at: datetime | None
    cancel_at_period_end: bool
    canceled_at: datetime | None
    ended_at: datetime | None
    latest_invoice_id: str | None
    card: Card | None
    checkout_id: UUID | None
    org_id: UUID | None
    created_at: datetime
    trial_starts_at: datetime | None = None
    trial_ends_at: datetime | None = None
    collection_paused: str | None = None
    discounts: tuple[RemoteDiscount, ...] = ()
    pending_price_id: str | None = None
    pending_expires_at: datetime | None = None
    schedule_id: str | None = None
    quantity: int = 1
    item_count: int = 1
    fees: tuple[RemoteFee, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent. `failure` is Stripe's message to the customer about the last failed attempt.

    `failure_code` is the bank's reason if there is one (`insufficient_funds`), else Stripe's (`card_declined`).
    """

    id: str
    status: str
    amount: int
    currency: str
    customer_id: str | None
    card: Card | None
    failure_code: str | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class SetupIntent:
    """A setup intent; `card` is None until one is saved, and after its removal from the customer."""

    id: str
    status: str
    customer_id: str | None
    card: Card | None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund: pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceMovement:
    """A change of a customer's balance: below zero it is credit for the next invoices. Never changed by Stripe.

    `type` says what did it: an invoice, a credit note, or an `adjustment` by hand.
    """

    id: str
    customer_id: str
    type: str
    amount: int
    currency: str
    invoice_id: str | None
    credit_note_id: str | None
    description: str | None
    created_at: datetime
