"""Tables of our own invoices: what each says as it was issued, what became of it since, and the terms of orgs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, Computed, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of, spelled
from app.kit.db import Base

OPEN, PAID, VOID, WRITTEN_OFF = "open", "paid", "void", "written_off"
STATES = (OPEN, PAID, VOID, WRITTEN_OFF)
USUAL_DAYS, MOST_DAYS = 14, 365


class InvoiceTerms(Base):
    """Within how many days an org pays our own invoices; without a row, within the usual 14."""

    __tablename__ = "invoice_terms"
    __table_args__ = (CheckConstraint("days BETWEEN 0 AND 365", name="days"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    days: Mapped[int]
    set_at: Mapped[datetime]


class IssuedInvoice(Base):
    """An invoice of ours as it was issued, and what has become of it. Minor units.

    A trigger keeps number, days, amounts, `seller`, `buyer` and `lines` as they are; only state, what is paid or
    credited and the next email change. It is due to the end of `due_on` in the zone it was
    issued in: `due_at`. `reason` is that of a void, or of writing it off; `settled_at` is when it was open no more.
    `written_off` is what was given up at `written_off_at`, also of what was paid after all.
    """

    __tablename__ = "issued_invoices"
    __table_args__ = (
        one_of("state", STATES),
        spelled("currency", "^[A-Z]{3}$"),
        CheckConstraint("ordinal > 0", name="ordinal"),
        CheckConstraint("total >= 0", name="total"),
        CheckConstraint("due_on >= issued_on", name="due_on"),
        CheckConstraint("paid >= 0", name="paid"),
        CheckConstraint("credited >= 0", name="credited"),
        CheckConstraint("mails >= 0", name="mails"),
        CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason"),
        CheckConstraint("remaining >= 0", name="remaining"),
        CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled"),
        CheckConstraint("(state = 'paid') = (remaining = 0 AND state <> 'void')", name="all_paid"),
        CheckConstraint("state <> 'void' OR paid + credited = 0", name="void"),
        CheckConstraint("state NOT IN ('void', 'written_off') OR reason IS NOT NULL", name="explained"),
        CheckConstraint(
            "num_nonnulls(written_off, written_off_at) <> 1 AND (state <> 'written_off' OR written_off IS NOT NULL)",
            name="written_off",
        ),
        CheckConstraint("next_mail_at IS NULL OR state = 'open'", name="next_mail"),
        UniqueConstraint("number"),
        UniqueConstraint("series", "ordinal"),
        # serves: the invoices of an org, newest first
        Index(None, "org_id", "issued_at", "invoice_id"),
        # serves: what is owed, the longest overdue first
        Index("ix_issued_invoices_open", "due_at", "invoice_id", postgresql_where=text("state = 'open'")),
        # serves: staff's list of all, newest first
        Index("ix_issued_invoices_issued_at", "issued_at", "invoice_id"),
        # serves: the sweep that sends the next email
        Index(None, "next_mail_at", postgresql_where=text("next_mail_at IS NOT NULL")),
    )

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    number: Mapped[str]
    series: Mapped[str] = mapped_column(ForeignKey("number_series.series"))
    ordinal: Mapped[int]
    currency: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    issued_at: Mapped[datetime]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    due_at: Mapped[datetime]
    time_zone: Mapped[str]
    seller: Mapped[dict[str, Any]] = mapped_column(JSONB)
    buyer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    state: Mapped[str]
    paid: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    credited: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    remaining: Mapped[int] = mapped_column(BigInteger, Computed("total - paid - credited", persisted=True))
    reason: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    written_off: Mapped[int | None] = mapped_column(BigInteger)
    written_off_at: Mapped[datetime | None]
    mails: Mapped[int] = mapped_column(server_default=text("0"))
    next_mail_at: Mapped[datetime | None]

    @property
    def due(self) -> int:
        """What is to be paid: nothing of a void one, and nothing of one that was written off."""
        return self.remaining if self.state == OPEN else 0

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is open after its due day; `overdue` is the same in SQL."""
        return self.state == OPEN and self.due_at <= now


class IssuedDocument(Base):
    """The PDF of an invoice of ours, kept as it was rendered when it was issued. A trigger lets it never change."""

    __tablename__ = "issued_documents"
    __table_args__ = (CheckConstraint("sha256 = sha256(pdf)", name="sha256"),)

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("issued_invoices.invoice_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    pdf: Mapped[bytes]
    sha256: Mapped[bytes]
    kept_at: Mapped[datetime]


def overdue(now: datetime) -> ColumnElement[bool]:
    """Open after its due day."""
    return (IssuedInvoice.state == OPEN) & (IssuedInvoice.due_at <= now)
