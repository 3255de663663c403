"""Our types for Stripe's invoices and previews of them, as those of `types`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.stripe_gateway.types import RemoteDiscount


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line of an invoice, before discounts and tax; `own_id` is our line's, where it is of one.

    `discount` is what the invoice's discounts take off it. `price_id` names its price, where it has one of a product.
    """

    description: str
    amount: int
    period_start: datetime
    period_end: datetime
    own_id: UUID | None
    discount: int = 0
    price_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedPayment:
    """Money that came for an invoice; several may pay one. `transaction_id` is its payment intent, if it has one."""

    id: str
    amount: int
    at: datetime
    transaction_id: str | None


@dataclass(frozen=True, slots=True)
class RemoteInvoice:
    """An invoice. The period is the subscription line's, else the invoice's own.

    `status`: draft, open, paid, void, uncollectible. `payment_intent_id` is the payment that paid it, else the one that
    will. `total` includes `tax`, of which `included_tax` is part of the lines' amounts; `discount` is taken off
    already. `own_id` is the id of ours that a draft was made under. `discounts` are known of a subscription's listed
    invoices only. The customer's balance before and after it is below zero where it is a credit. `lines` is None where
    the answer has only some of them. `uncollectible_at` stays when a written-off invoice is paid or voided after all.
    `payments` are those that succeeded.
    """

    id: str
    customer_id: str
    subscription_id: str | None
    own_id: UUID | None
    number: str | None
    status: str
    billing_reason: str | None
    currency: str
    total: int
    tax: int
    included_tax: int
    amount_due: int
    amount_paid: int
    amount_remaining: int
    period_start: datetime
    period_end: datetime
    attempt_count: int
    due_at: datetime | None
    next_attempt_at: datetime | None
    hosted_url: str | None
    pdf_url: str | None
    created_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    checkout_id: UUID | None
    payment_intent_id: str | None
    discount: int = 0
    starting_balance: int = 0
    ending_balance: int | None = None
    lines: tuple[RemoteLine, ...] | None = None
    discounts: tuple[RemoteDiscount, ...] = ()
    voided_at: datetime | None = None
    uncollectible_at: datetime | None = None
    payments: tuple[ReceivedPayment, ...] = ()


@dataclass(frozen=True, slots=True)
class InvoicePreview:
    """The preview of a subscription's next invoice; `due_at` is when its period begins."""

    total: int
    currency: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """The invoice of a change of plan at an instant. `total` includes `tax`; `amount_due` takes the balance off it.

    `starting_balance` is the customer's, below zero where it is a credit.
    """

    lines: tuple[RemoteLine, ...]
    currency: str
    discount: int
    tax: int
    total: int
    starting_balance: int
    amount_due: int
