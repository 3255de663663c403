"""Stripe's renewal drafts: found by their start, and held until the usage of the period that ended is on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.collector import STRIPE, Collector, find_collector
from app.invoices.discounts import PercentOff
from app.invoices.models import RENEWAL, Invoice
from app.invoices.queries import find_boundary_draft
from app.invoices.service import InvoiceOpening, open_invoice
from app.kit.periods import Period
from app.payments import queries as payments
from app.payments.locks import org_turn
from app.payments.queries import RENEWAL as CYCLE
from app.stripe_gateway import Gateway, invoices
from app.stripe_gateway.errors import StripeMisused
from app.subscriptions.close import PeriodKey
from app.web.database import transaction

NEAR = timedelta(hours=1)
"""How far the start of a renewal may lie from the end of the usage period that it bills."""
LOOK_AFTER = timedelta(minutes=5)
"""How long after a boundary we ask Stripe for the draft if no event has told of it."""
GIVE_UP = timedelta(hours=6)

# Ended periods that are not closed, whose terms charge for usage, of orgs whose paid period at Stripe begins or ends
# there, and whose draft is not held. What failed before comes last, so that it never hides what was not tried.
_ENDED = text("""
SELECT period.org_id, period.starts_at, period.ends_at FROM subscriptions_periods period
JOIN subscriptions_open subscription ON subscription.org_id = period.org_id AND subscription.collection = 'stripe'
LEFT JOIN period_closes close ON close.org_id = period.org_id AND close.period_start = period.starts_at
WHERE (CAST(:org AS uuid) IS NULL OR period.org_id = :org)
  AND period.closed_at IS NULL AND period.ends_at <= :now AND period.ends_at > :since
  AND EXISTS (SELECT FROM subscriptions_terms terms
              WHERE terms.org_id = period.org_id AND terms.period_start = period.starts_at
                AND terms.charge_id IS NOT NULL)
  AND EXISTS (SELECT FROM payments_boundaries boundary
              WHERE boundary.org_id = period.org_id
                AND boundary.boundary BETWEEN period.ends_at - :near AND period.ends_at + :near)
  AND NOT EXISTS (SELECT FROM invoices_drafts draft
                  WHERE draft.org_id = period.org_id AND draft.boundary_at = period.ends_at)
ORDER BY close.failed_at NULLS FIRST, period.ends_at, period.org_id LIMIT :most
""")


def list_ended(
    session: Session, now: datetime, limit: int, org_id: UUID | None = None
) -> Sequence[tuple[PeriodKey, Period]]:
    """List the periods that ended in the last hours and may have a renewal draft to hold."""
    rows = session.execute(_ENDED, {"now": now, "since": now - GIVE_UP, "near": NEAR, "most": limit, "org": org_id})
    return [(PeriodKey(row.org_id, row.starts_at), Period(row.starts_at, row.ends_at)) for row in rows]


def hold_renewal(gw: Gateway, key: PeriodKey, period: Period, now: datetime) -> bool:
    """Hold the renewal draft that bills a period, once there is one; whether one is held. Idempotent.

    Opens its own transactions. Raises as `org_turn` does.
    """
    with transaction() as session:
        if find_boundary_draft(session, key.org_id, period.end) is not None:
            return True
        collector = find_collector(session, key.org_id, period)
        if collector.how != STRIPE or collector.stripe_subscription_id is None:
            return False
        known = payments.find_renewal_draft(
            session, key.org_id, collector.stripe_subscription_id, (period.end - NEAR, period.end + NEAR)
        )
    renews = any(abs(boundary - period.end) <= NEAR for boundary in collector.boundaries)
    if known is None and (now < period.end + LOOK_AFTER or not renews):
        return False
    with org_turn(gw, key.org_id):
        return find_and_hold(gw, key, period, collector, now) is not None


def find_and_hold(gw: Gateway, key: PeriodKey, period: Period, collector: Collector, now: datetime) -> Invoice | None:
    """Find a period's renewal draft at Stripe, keep Stripe from finalising it, and note it. The caller has the turn."""
    if collector.stripe_subscription_id is None:
        return None
    for draft in invoices.list_for_subscription(gw, collector.stripe_subscription_id, "draft"):
        if draft.billing_reason != CYCLE or abs(draft.period_start - period.end) > NEAR:
            continue
        try:
            invoices.hold(gw, draft.id, key=f"hold-{draft.id}")
        except StripeMisused:
            return None  # finalised meanwhile: the usage takes an invoice of its own
        opening = InvoiceOpening(
            key.org_id, RENEWAL, draft.currency, period.end, (collector.stripe_subscription_id, draft.id),
            [PercentOff(each.coupon_id, each.percent_off) for each in draft.discounts if each.percent_off is not None],
            other_amount=draft.total - draft.tax,
        )  # fmt: skip
        with transaction() as session:
            return open_invoice(session, opening, now)
    return None
