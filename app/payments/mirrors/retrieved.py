"""When a mirror was last retrieved. Order is kept by the org's lock; this time says how old a figure may be."""

from __future__ import annotations

from datetime import datetime

from app.payments.mirrors.models import StripeCreditNote, StripeRefund
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription

Mirror = StripeCustomer | StripeInvoice | StripeSubscription | StripeCreditNote | StripeRefund


def mark_retrieved(mirror: Mirror, now: datetime) -> None:
    """Set the time, which only moves forward: two holders of the lock may have read clocks that differ."""
    known: datetime | None = mirror.retrieved_at
    mirror.retrieved_at = now if known is None else max(known, now)
