"""Reconciliation: fetches missed events, resolves pending payments, compares our records with Stripe.

Every night what changed since the last run, by a cursor in Stripe's log of events: a run costs what changed, not what
exists. Everything is compared on demand and weekly, and when the log does not reach back to the last run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from app.kit.postgres.pool import HotPool
from app.payments import cursors
from app.payments.reconciliation import compare_with_stripe
from app.payments.reconciliation.changed import ChangedObjects, list_changed, list_unknown_customers
from app.payments.reconciliation.drift_report import StripeDifference
from app.payments.reconciliation.everything import list_everything
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


def reconcile(
    gw: Gateway, pool: HotPool, apply: Callable[[str], None], now: datetime, *, everything: bool = False
) -> ReconciliationReport:
    """Reconcile what changed since the last run, or `everything`. Raises `StripeAway`; safe to repeat.

    `apply(event_id)` applies a fetched event. Stopped halfway, the next run begins where this one did.
    """
    read = read_events(gw, pool, now)
    report = ReconciliationReport(fetched=read.missed)
    for event_id in report.fetched:
        apply(event_id)
    with transaction() as session:
        pending = list_pending(session, now, unlimited=True)
    report.resolved = resolve_all(gw, pending, now)
    unknown, whole = list_unknown_customers(gw), everything or not read.is_complete
    for item in list_everything(gw, now, unknown) if whole else list_changed(gw, read.changed, unknown):
        report.compared += 1
        report.differences += compare_with_stripe.repair(gw, item, now)
    with transaction() as session:
        cursors.advance(session, cursors.EVENTS, now, read.last)
        if not any(difference.missing_here for difference in report.remaining):
            cursors.advance(session, cursors.CUSTOMERS, now)
    for difference in report.remaining:
        log.error("stripe differs", kind=difference.kind, id=difference.id, field=difference.field)
    return report


@dataclass(slots=True)
class EventsRead:
    """What was read of the log: events that were missed, ids of all that changed, the last event.

    `is_complete`: it reached back to the last run.
    """

    is_complete: bool
    missed: list[str] = field(default_factory=list)
    changed: ChangedObjects = field(default_factory=ChangedObjects)
    last: str = ""


def read_events(gw: Gateway, pool: HotPool, now: datetime) -> EventsRead:
    """Read the log of events since the last run, oldest first, and store missed ones in the inbox.

    Begins where the last run did (thirty days back at most), with an hour of overlap.
    """
    with transaction() as session:
        known = cursors.find_start(session, cursors.EVENTS)
    start = max(now - RETENTION, known or now - RETENTION)
    read = EventsRead(is_complete=known == start)
    for raw in events.list_since(gw, (*HANDLERS, *ALERTED), start):
        envelope, read.last = msgspec.convert(raw, Envelope), str(raw["id"])
        read.changed.add(envelope)
        if inbox.receive_event(pool, envelope, raw, source="reconcile", now=now):
            read.missed.append(read.last)
    return read
