"""Tables of invoices. A line is written once; afterwards only its invoice, and Stripe's item, are noted on it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of, spelled
from app.kit.db import Base
from app.subscriptions.terms.resolver import UNBILLED

RENEWAL, MANUAL, OFFLINE = "renewal", "manual", "offline"
DRAFT, FINAL, DROPPED = "draft", "final", "dropped"
USAGE, LATE, BEFORE_CHANGE, FEE = "usage", "late", "before_change", "fee"
PENDING, ISSUED = "pending", "issued"
_CURRENCY = "^[A-Z]{3}$"
_ONCE = text("NULLIF(kind = 'usage', false)")


class Invoice(Base):
    """An invoice that carries usage lines: Stripe's own renewal, one that we make there, or ours (`offline`).

    `boundary_at` is the end of the usage period whose close opened it; where a fee did, when it was due. What an
    offline one says once it is final is an `IssuedInvoice`. A draft becomes `final`, or is `dropped` where
    Stripe's is gone or was finalised without any of its lines; they then wait for another. `discounts`
    are the percentages that apply to its fee: coupon, and percent_off as text. `other_amount` is what
    the lines of Stripe's renewal came to when it was held: after discounts, before tax. `looked_at` is when a sweep
    last saw whether a draft can be settled.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        one_of("kind", (RENEWAL, MANUAL, OFFLINE)),
        spelled("currency", _CURRENCY),
        one_of("state", (DRAFT, FINAL, DROPPED)),
        UniqueConstraint("stripe_invoice_id"),
        CheckConstraint("(state = 'draft') = (settled_at IS NULL)", name="settled"),
        CheckConstraint("kind <> 'offline' OR stripe_invoice_id IS NULL", name="collector"),
        CheckConstraint(
            "kind <> 'renewal' OR num_nonnulls(stripe_subscription_id, stripe_invoice_id) = 2", name="renewal"
        ),
        # serves: the invoices of an org, newest first
        Index(None, "org_id", "opened_at"),
        # serves: the invoice that the close of a period fills; enforces one draft of a kind
        Index(
            "uq_invoices_boundary", "org_id", "boundary_at", "kind", unique=True,
            postgresql_where=text("state = 'draft'"),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    kind: Mapped[str]
    currency: Mapped[str]
    state: Mapped[str]
    stripe_subscription_id: Mapped[str | None]
    stripe_invoice_id: Mapped[str | None]
    other_amount: Mapped[int | None] = mapped_column(BigInteger)
    boundary_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    discounts: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'"))


class CreditNote(Base):
    """What is taken back of the lines of a final invoice: `amount` before tax, above zero, in minor units.

    Written `pending`, then `issued`: `due_amount` lowered what was due, `refund_amount` went back, `balance_amount` is
    kept for the next invoices; with tax they may add up to more. `dropped`: it credits nothing, since nothing is owed
    of a void invoice, or its lines went on to the next. Its lines are those with its id. `replays` numbers the
    attempts, as a close does.
    """

    __tablename__ = "credit_notes"
    __table_args__ = (
        spelled("currency", _CURRENCY),
        CheckConstraint("amount > 0", name="amount"),
        one_of("state", (PENDING, ISSUED, DROPPED)),
        UniqueConstraint("stripe_credit_note_id"),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled"),
        CheckConstraint(
            "num_nonnulls(due_amount, refund_amount, balance_amount) = CASE state WHEN 'issued' THEN 3 ELSE 0 END",
            name="issued",
        ),
        # serves: the credit notes of invoices
        Index(None, "invoice_id"),
        # serves: the run that issues what is pending
        Index("ix_credit_notes_pending", "opened_at", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoices.id"))
    currency: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    stripe_credit_note_id: Mapped[str | None]
    number: Mapped[str | None]
    pdf_url: Mapped[str | None]
    due_amount: Mapped[int | None] = mapped_column(BigInteger)
    refund_amount: Mapped[int | None] = mapped_column(BigInteger)
    balance_amount: Mapped[int | None] = mapped_column(BigInteger)
    opened_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    replays: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]


class InvoiceLine(Base):
    """What a meter's usage of a closed period comes to before discounts; `late`: what usage recorded since then adds.

    `before_change` is of no meter: what the usage before a change of plan came to beyond the whole period's. Nor is
    `fee`: a plan's price for a billing period, where we invoice it ourselves; its period is that one.
    A line on a credit note takes its amount off the line `credits_line_id` of a final invoice, and is on no invoice.

    `discount` is what its invoice takes off; on a credit note, the part of it that is not given back. `exact_amount`,
    `amount` and `discount` are in minor units. Quantities and amounts of a period's lines add up to its rating. Org,
    meter and plan version are looked up by triggers.

    `terms` are the terms in force at the close, which name the charge by its id; `breakdown` is what the rating
    returned. Quantities and amounts in them are decimal text, amounts in minor units. `reason` says why nothing is
    owed. `seen` is the database snapshot under the org's usage lock: the line counts the events that it saw.
    """

    __tablename__ = "invoice_lines"
    __table_args__ = (
        one_of("kind", (USAGE, LATE, BEFORE_CHANGE, FEE)),
        CheckConstraint("(kind IN ('before_change', 'fee')) = (meter_id IS NULL)", name="meter"),
        spelled("currency", _CURRENCY),
        one_of("reason", UNBILLED),
        CheckConstraint("period_end > period_start", name="period"),
        CheckConstraint("stripe_item_id IS NULL OR invoice_id IS NOT NULL", name="item"),
        CheckConstraint("discount BETWEEN least(amount, 0) AND greatest(amount, 0)", name="discount"),
        CheckConstraint("discount = 0 OR invoice_id IS NOT NULL OR credit_note_id IS NOT NULL", name="discounted"),
        CheckConstraint(
            "num_nonnulls(credit_note_id, credits_line_id) = 0"
            " OR num_nonnulls(credit_note_id, credits_line_id) = 2 AND invoice_id IS NULL AND amount < 0",
            name="credit",
        ),
        # serves: the lines of a period, and what it was billed so far; enforces one a meter for what was counted when
        # it was closed (of other lines the last column is null, and nulls differ)
        Index("uq_invoice_lines_usage", "org_id", "period_start", "meter_id", _ONCE, unique=True),
        # serves: which billing periods have their fee; enforces one each
        Index("uq_invoice_lines_fee", "org_id", "period_start", unique=True, postgresql_where=text("kind = 'fee'")),
        # serves: the lines of an invoice
        Index(None, "invoice_id", postgresql_where=text("invoice_id IS NOT NULL")),
        # serves: the lines of a credit note, and of the credit notes on an invoice
        Index(None, "credit_note_id", postgresql_where=text("credit_note_id IS NOT NULL")),
        # serves: what was credited of a line
        Index(None, "credits_line_id", postgresql_where=text("credits_line_id IS NOT NULL")),
        # serves: the lines of an org that wait for an invoice
        Index(
            "ix_invoice_lines_waiting",
            "org_id",
            postgresql_where=text("invoice_id IS NULL AND credit_note_id IS NULL AND amount <> 0"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    kind: Mapped[str]
    meter_id: Mapped[int | None]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    plan_version_id: Mapped[UUID]
    quantity: Mapped[Decimal]
    imported: Mapped[Decimal]
    events: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    exact_amount: Mapped[Decimal]
    amount: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str | None]
    terms: Mapped[dict[str, Any]] = mapped_column(JSON)
    breakdown: Mapped[dict[str, Any]] = mapped_column(JSON)
    written_at: Mapped[datetime]
    seen: Mapped[str] = mapped_column(server_default=text("pg_current_snapshot()::text"))
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))
    discount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    stripe_item_id: Mapped[str | None]
    credit_note_id: Mapped[UUID | None] = mapped_column(ForeignKey("credit_notes.id"))
    credits_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoice_lines.id"))


class NumberSeries(Base):
    """The last number that was given in a series of documents. See `numbering`; a trigger lets it grow by one only."""

    __tablename__ = "number_series"
    __table_args__ = (CheckConstraint("last > 0", name="last"),)

    series: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]
