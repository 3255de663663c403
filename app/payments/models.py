"""Mirrors of Stripe's objects, and billing records.

Mirrors are keyed by Stripe's ids and written only by the `sync_` functions, from API responses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, one_of, spelled
from app.kit.db import Base
from app.payments.trials.models import VERDICTS

RECORD_STATES = ("pending", "completed", "failed", "refunded", "reversed")
REASONS = ("subscription_start", "subscription_renewal", "subscription_change", "usage", "one_off",
           "offline_invoice")  # fmt: skip
_LIVE = text("deleted_at IS NULL")
_LAST4 = "^[0-9]{4}$"
_CURRENCY = "^[A-Z]{3}$"


class StripeCustomer(Base):
    """An org's customer at Stripe, and the card its invoices are charged to.

    `listed_at` is when we last knew of all its subscriptions and open payment pages; see `catch_up`. `contact_digest`
    is that of the billing contact sent last, `contact_error` what Stripe refused of it, `tax_id_ref` the tax id made.
    """

    __tablename__ = "stripe_customers"
    __table_args__ = (
        spelled("card_last4", _LAST4),
        # serves: the customer of an org; enforces one per org
        Index("uq_stripe_customers_org_id", "org_id", unique=True, postgresql_where=_LIVE),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    email: Mapped[str | None]
    delinquent: Mapped[bool]
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    card_id: Mapped[str | None]
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    card_exp_month: Mapped[int | None]
    card_exp_year: Mapped[int | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    retrieved_at: Mapped[datetime]
    listed_at: Mapped[datetime | None]
    contact_digest: Mapped[str | None]
    contact_error: Mapped[str | None]
    tax_id_ref: Mapped[str | None]


class CustomerAttempt(Base):
    """An attempt to create an org's customer, written first: its id is the idempotency key. Closed once it is known."""

    __tablename__ = "customer_attempts"
    __table_args__ = (
        # serves: the attempt of an org that is under way; enforces one
        Index("uq_customer_attempts_open", "org_id", unique=True, postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class StripePrice(Base):
    """A plan version's price at Stripe, by interval and currency; in minor units."""

    __tablename__ = "stripe_prices"
    __table_args__ = (
        one_of("interval", INTERVALS),
        spelled("currency", _CURRENCY),
        CheckConstraint("amount >= 0", name="amount"),
        UniqueConstraint("lookup_key"),
        UniqueConstraint("plan_version_id", "interval", "currency"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    interval: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    product_id: Mapped[str]
    lookup_key: Mapped[str]
    pushed_at: Mapped[datetime]


class StripeSubscription(Base):
    """The mirror of a Stripe subscription; `subscription_id` is the row of ours that it pays for.

    `price_id` need not be one of `stripe_prices`: staff can put any price on a subscription at Stripe, more than once
    (`quantity`), and other items beside it (`item_count`). `fees` are what all of them cost each period, `discounts`
    those in force: coupon, percent_off as text or amount_off in minor units of currency, ends_at, once.
    `pending_price_id` is the price of a change that waits for its payment until `pending_expires_at`, `schedule_id` its
    schedule.
    `trial_verdict` is what became of its trial when it was first seen: granted, or what of the org was known already.
    `trial_told_for` is the end of the trial that the org has been told of.
    """

    __tablename__ = "stripe_subscriptions"
    __table_args__ = (
        # serves: the Stripe subscriptions of an org, newest first
        Index(None, "org_id", "created_at"),
        # serves: the sweep that releases schedules of planned changes that are made
        Index(None, "schedule_id", postgresql_where=text("schedule_id IS NOT NULL AND ended_at IS NULL")),
        # serves: the sweeps that tell of a trial's end and that end refused ones
        Index(None, "trial_ends_at", postgresql_where=text("status = 'trialing' AND ended_at IS NULL")),
        one_of("trial_verdict", VERDICTS),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("stripe_customers.id"))
    subscription_id: Mapped[UUID | None] = mapped_column(ForeignKey("subscriptions.id"))
    status: Mapped[str]
    item_id: Mapped[str]
    price_id: Mapped[str]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    anchor_at: Mapped[datetime]
    cancel_at: Mapped[datetime | None]
    cancel_at_period_end: Mapped[bool]
    latest_invoice_id: Mapped[str | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    trial_starts_at: Mapped[datetime | None]
    trial_ends_at: Mapped[datetime | None]
    trial_verdict: Mapped[str | None]
    trial_told_for: Mapped[datetime | None]
    collection_paused: Mapped[str | None]
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    pending_price_id: Mapped[str | None]
    pending_expires_at: Mapped[datetime | None]
    schedule_id: Mapped[str | None]
    quantity: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    item_count: Mapped[int] = mapped_column(server_default=text("1"))
    fees: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    retrieved_at: Mapped[datetime]


class StripeInvoice(Base):
    """The mirror of an invoice; amounts in minor units. `included_tax` is the part of `tax` that is within the lines'
    amounts, the rest was added to them. `due_at` is set if it is to be paid by hand.

    `lines` are Stripe's, before discounts and tax: description, amount, discount, start, end, the id of our `line`, and
    that of the `price`.
    `payments` are those that came: id, amount, at, transaction. `uncollectible_at` stays when it is paid after all.
    """

    __tablename__ = "stripe_invoices"
    __table_args__ = (
        spelled("currency", _CURRENCY),
        # serves: the invoices of an org, newest first
        Index(None, "org_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    stripe_subscription_id: Mapped[str | None]
    number: Mapped[str | None]
    status: Mapped[str]
    billing_reason: Mapped[str | None]
    currency: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    included_tax: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    amount_due: Mapped[int] = mapped_column(BigInteger)
    amount_paid: Mapped[int] = mapped_column(BigInteger)
    amount_remaining: Mapped[int] = mapped_column(BigInteger)
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    attempt_count: Mapped[int]
    due_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    hosted_url: Mapped[str | None]
    pdf_url: Mapped[str | None]
    created_at: Mapped[datetime]
    finalized_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    discount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    starting_balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    ending_balance: Mapped[int | None] = mapped_column(BigInteger)
    lines: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    voided_at: Mapped[datetime | None]
    uncollectible_at: Mapped[datetime | None]
    payments: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    retrieved_at: Mapped[datetime]


class BillingRecord(Base):
    """One payment: written as pending before the call to Stripe, then updated from Stripe. Minor units.

    States only move forward: pending, failed, completed, refunded. A payment that staff recorded for an invoice of
    ours (`offline_invoice_id`, with the bank's `reference`) is completed from the start, at the day it came; `reversed`
    if it was recorded by mistake, `reversed_for` says why.
    `plan_change_id` is the change of plan that it pays for.
    """

    __tablename__ = "billing_records"
    __table_args__ = (
        one_of("state", RECORD_STATES),
        one_of("reason", REASONS),
        CheckConstraint("amount >= 0", name="amount"),
        spelled("currency", _CURRENCY),
        spelled("card_last4", _LAST4),
        UniqueConstraint("checkout_id"),
        UniqueConstraint("plan_change_id"),
        UniqueConstraint("invoice_id"),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled"),
        CheckConstraint("length(reference) BETWEEN 1 AND 200", name="reference"),
        CheckConstraint(
            "(reason = 'offline_invoice') = (offline_invoice_id IS NOT NULL) AND "
            "(offline_invoice_id IS NULL OR num_nonnulls(checkout_id, invoice_id, transaction_id) = 0)",
            name="offline",
        ),
        CheckConstraint("refunded BETWEEN 0 AND amount", name="refunded"),
        CheckConstraint(
            "num_nonnulls(reversed_at, reversed_for) = CASE state WHEN 'reversed' THEN 2 ELSE 0 END AND "
            "(state <> 'reversed' OR offline_invoice_id IS NOT NULL)",
            name="reversed",
        ),
        CheckConstraint("length(reversed_for) BETWEEN 1 AND 500", name="reversed_for"),
        # serves: the billing history of an org, newest first, by page
        Index(None, "org_id", "created_at", "id"),
        # serves: the payments of an invoice of ours
        Index(None, "offline_invoice_id", postgresql_where=text("offline_invoice_id IS NOT NULL")),
        # serves: lookups by payment intent (refunds, disputes)
        Index(None, "transaction_id"),
        # serves: the sweep that resolves pending records
        Index("ix_billing_records_pending", "created_at", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    state: Mapped[str]
    reason: Mapped[str]
    description: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger, server_default="0")
    currency: Mapped[str]
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkouts.id"))
    plan_change_id: Mapped[UUID | None] = mapped_column(ForeignKey("plan_changes.id"))
    invoice_id: Mapped[str | None]
    offline_invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))
    reference: Mapped[str | None]
    transaction_id: Mapped[str | None]
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    failure_code: Mapped[str | None]
    failure: Mapped[str | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    reversed_at: Mapped[datetime | None]
    reversed_for: Mapped[str | None]
