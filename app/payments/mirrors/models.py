"""Mirrors of what changes an account beside invoices: credit notes, refunds, movements of the customer's balance.

Keyed by Stripe's ids and written only by the `sync_` functions, from API responses. Minor units.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of, spelled
from app.kit.db import Base

NOTE_STATUSES = ("issued", "void")
REFUND_STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")
_CURRENCY = "^[A-Z]{3}$"


class StripeCreditNote(Base):
    """The mirror of a credit note, issued by us or in Stripe's dashboard; `own_id` is that of ours.

    `due` lowered what was due of the invoice, `paid` had been paid. Of that, `outside` went back outside Stripe, and
    `refunds` to the card: refund, amount. The rest is kept on the customer's balance.
    """

    __tablename__ = "stripe_credit_notes"
    __table_args__ = (
        one_of("status", NOTE_STATUSES),
        spelled("currency", _CURRENCY),
        CheckConstraint("(status = 'void') = (voided_at IS NOT NULL)", name="voided"),
        # serves: the credit notes of an org's account, and those of some of its invoices
        Index(None, "org_id", "invoice_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    invoice_id: Mapped[str]
    own_id: Mapped[UUID | None]
    number: Mapped[str]
    status: Mapped[str]
    currency: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    due: Mapped[int] = mapped_column(BigInteger)
    paid: Mapped[int] = mapped_column(BigInteger)
    outside: Mapped[int] = mapped_column(BigInteger)
    refunds: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    pdf_url: Mapped[str | None]
    created_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
    retrieved_at: Mapped[datetime]


class StripeRefund(Base):
    """The mirror of a refund of a payment; `failed_at` is when we learned that the money had not gone back."""

    __tablename__ = "stripe_refunds"
    __table_args__ = (
        one_of("status", REFUND_STATUSES),
        spelled("currency", _CURRENCY),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(status IN ('failed', 'canceled')) = (failed_at IS NOT NULL)", name="failed"),
        # serves: the refunds of an org's account, and those of some of its payments
        Index(None, "org_id", "transaction_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    transaction_id: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime]
    failed_at: Mapped[datetime | None]
    retrieved_at: Mapped[datetime]


class StripeBalanceMovement(Base):
    """A change of a customer's balance: below zero it is credit. Written once; Stripe changes its description only."""

    __tablename__ = "stripe_balance_movements"
    __table_args__ = (
        spelled("currency", _CURRENCY),
        CheckConstraint("amount <> 0", name="amount"),
        # serves: the movements of an org's account
        Index(None, "org_id", "created_at"),
        # serves: the movements that an invoice brought
        Index(None, "invoice_id", postgresql_where=text("invoice_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("stripe_customers.id"))
    type: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    invoice_id: Mapped[str | None]
    credit_note_id: Mapped[str | None]
    description: Mapped[str | None]
    created_at: Mapped[datetime]
