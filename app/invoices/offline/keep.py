"""Keeps the PDF of each invoice of ours, rendered once from what was issued, with its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.invoices.offline.models import IssuedDocument, IssuedInvoice
from app.kit.errors import NotFound
from app.kit.postgres.together import ask

TASK = "invoices.keep_document"


def list_unkept(session: Session, limit: int) -> Sequence[UUID]:
    """List issued invoices whose PDF is not kept yet, oldest first."""
    kept = select(IssuedDocument.invoice_id).where(IssuedDocument.invoice_id == IssuedInvoice.invoice_id)
    query = select(IssuedInvoice.invoice_id).where(~kept.exists())
    return session.scalars(query.order_by(IssuedInvoice.issued_at).limit(limit)).all()


def is_kept(session: Session, invoice_id: UUID) -> bool:
    """Whether the PDF of an invoice is there."""
    return bool(ask(session, select_kept(invoice_id)))


def select_kept(invoice_id: UUID) -> Select[UUID]:
    """Select the invoice's id where its PDF is there."""
    return select(IssuedDocument.invoice_id).where(IssuedDocument.invoice_id == invoice_id)


def keep_pdf(session: Session, issued: IssuedInvoice, pdf: bytes, now: datetime) -> None:
    """Keep the PDF of an invoice; of two that do, the first stays."""
    digest = hashlib.sha256(pdf).digest()
    row = insert(IssuedDocument).values(
        invoice_id=issued.invoice_id, org_id=issued.org_id, pdf=pdf, sha256=digest, kept_at=now
    )
    session.execute(row.on_conflict_do_nothing(index_elements=["invoice_id"]))


def get_pdf(session: Session, org_id: UUID, invoice_id: UUID) -> bytes:
    """Get the PDF that was issued. Raises `NotFound`, also in the seconds until it is rendered."""
    row = session.get(IssuedDocument, invoice_id)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no PDF of this invoice yet. Try again in a minute.")
    return row.pdf
