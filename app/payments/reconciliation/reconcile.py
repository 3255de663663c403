"""Nightly reconciliation: fetches missed events, resolves pending payments, compares our records with Stripe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from app.kit.pool import HotPool
from app.payments import cursors
from app.payments.reconciliation import compare_with_stripe
from app.payments.reconciliation.drift_report import StripeDifference
from app.payments.reconciliation.pending import list_pending, resolve_all
from app.payments.webhooks import inbox
from app.payments.webhooks.envelope import Envelope
from app.payments.webhooks.handlers import ALERTED, HANDLERS
from app.stripe_gateway import Gateway, events
from app.web.database import transaction

RETENTION = timedelta(days=30)
"""How long Stripe keeps events."""

log = structlog.get_logger()


@dataclass(slots=True)
class ReconciliationReport:
    """What was done, and every difference found."""

    fetched: list[str] = field(default_factory=list)
    resolved: int = 0
    compared: int = 0
    differences: list[StripeDifference] = field(default_factory=list)

    @property
    def remaining(self) -> list[StripeDifference]:
        """The differences that could not be repaired."""
        return [difference for difference in self.differences if not difference.repaired]


def reconcile(gw: Gateway, pool: HotPool, apply: Callable[[str], None], now: datetime) -> ReconciliationReport:
    """Run the full reconciliation. `apply(event_id)` applies a fetched event. Raises `StripeAway`; safe to repeat."""
    report = ReconciliationReport(fetched=fetch_missed_events(gw, pool, now))
    for event_id in report.fetched:
        apply(event_id)
    with transaction() as session:
        pending = list_pending(session, now, unlimited=True)
    report.resolved = resolve_all(gw, pending, now)
    for item in compare_with_stripe.list_objects(gw, now):
        report.compared += 1
        report.differences += compare_with_stripe.repair(gw, item, now)
    if not any(difference.missing_here for difference in report.remaining):
        with transaction() as session:
            cursors.advance(session, cursors.CUSTOMERS, now)
    for difference in report.remaining:
        log.error("stripe differs", kind=difference.kind, id=difference.id, field=difference.field)
    return report


def fetch_missed_events(gw: Gateway, pool: HotPool, now: datetime) -> list[str]:
    """Store missed events in the inbox, oldest first; returns their ids.

    Continues from the start of the last run (thirty days back at most), with an hour of overlap.
    """
    with transaction() as session:
        start = max(now - RETENTION, cursors.find_start(session, cursors.EVENTS) or now - RETENTION)
    missed, last = [], ""
    for raw in events.list_since(gw, (*HANDLERS, *ALERTED), start):
        last = str(raw["id"])
        if inbox.receive_event(pool, msgspec.convert(raw, Envelope), raw, source="reconcile", now=now):
            missed.append(last)
    with transaction() as session:
        cursors.advance(session, cursors.EVENTS, now, last)
    return missed
