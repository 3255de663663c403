"""Syncs the movements of a customer's balance. Each is written once: Stripe adds to them and never changes one."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.payments.mirrors.models import StripeBalanceMovement
from app.payments.models import StripeInvoice
from app.stripe_gateway.types import BalanceMovement


def sync_balance_movements(session: Session, org_id: UUID, remote: Iterable[BalanceMovement]) -> None:
    """Store the movements that are not known yet, under the org's lock."""
    rows = [
        {
            "id": movement.id, "org_id": org_id, "customer_id": movement.customer_id, "type": movement.type,
            "amount": movement.amount, "currency": movement.currency, "invoice_id": movement.invoice_id,
            "credit_note_id": movement.credit_note_id, "description": movement.description,
            "created_at": movement.created_at,
        }
        for movement in remote
        if movement.amount
    ]  # fmt: skip
    if rows:
        session.execute(insert(StripeBalanceMovement).on_conflict_do_nothing(), rows)


def find_newest_movement(session: Session, customer_id: str) -> str | None:
    """Find one of the latest movements known of a customer; those after it are still to be listed."""
    query = select(StripeBalanceMovement.id).where(StripeBalanceMovement.customer_id == customer_id)
    return session.scalars(query.order_by(StripeBalanceMovement.created_at.desc()).limit(1)).first()


def compute_known_balance(session: Session, customer_id: str) -> int:
    """What the known movements of a customer's balance come to."""
    query = select(func.sum(StripeBalanceMovement.amount)).where(StripeBalanceMovement.customer_id == customer_id)
    return int(session.scalar(query) or 0)


def count_unexplained(session: Session, org_id: UUID) -> int:
    """How many final invoices took from the customer's balance, or gave to it, by movements that are not known here.

    The sum alone does not tell: a credit and the invoice that used it up come to nothing.
    """
    known = select(StripeBalanceMovement.id).where(StripeBalanceMovement.invoice_id == StripeInvoice.id)
    moved = StripeInvoice.starting_balance.is_distinct_from(StripeInvoice.ending_balance)
    query = select(func.count()).where(
        StripeInvoice.org_id == org_id, StripeInvoice.finalized_at.is_not(None), moved, ~known.exists()
    )
    return int(session.scalar(query) or 0)
