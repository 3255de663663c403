"""Nightly: fetch the events that never came, ask about what is open, compare what Stripe has with what we think."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from app.kit.pool import HotPool
from app.payments.models import StripeCursor
from app.payments.reconciliation import compare_with_stripe
from app.payments.reconciliation.drift_report import StripeDifference
from app.payments.reconciliation.pending import list_pending, resolve_all
from app.payments.webhooks import inbox
from app.payments.webhooks.envelope import Envelope
from app.payments.webhooks.handlers import ALERTED, HANDLERS
from app.stripe_gateway import Gateway, events
from app.web.database import transaction

KEPT = timedelta(days=30)
"""How far back Stripe keeps events."""
OVERLAP = timedelta(hours=1)
"""Events of one moment appear in no fixed order: so much is read twice."""
_CURSOR = "events"

log = structlog.get_logger()


@dataclass(slots=True)
class ReconciliationReport:
    """What was done, and every difference that was found."""

    fetched: list[str] = field(default_factory=list)
    asked: int = 0
    compared: int = 0
    differences: list[StripeDifference] = field(default_factory=list)

    @property
    def remaining(self) -> list[StripeDifference]:
        """The differences that could not be repaired."""
        return [each for each in self.differences if not each.repaired]


def reconcile(gw: Gateway, pool: HotPool, apply: Callable[[str], None], now: datetime) -> ReconciliationReport:
    """Do all of it. `apply(event_id)` applies a fetched event at once. Raises `StripeAway`; safe to repeat."""
    report = ReconciliationReport(fetched=fetch_missed_events(gw, pool, now))
    for event_id in report.fetched:
        apply(event_id)
    with transaction() as session:
        chosen = list_pending(session, now, all_of_them=True)
    report.asked = resolve_all(gw, chosen, now)
    for held in compare_with_stripe.list_objects(gw, now):
        report.compared += 1
        report.differences += compare_with_stripe.repair(gw, held, now)
    for each in report.remaining:
        log.error("stripe differs", kind=each.kind, id=each.id, field=each.field)
    return report


def fetch_missed_events(gw: Gateway, pool: HotPool, now: datetime) -> list[str]:
    """Put the events that never came into the inbox, oldest first; returns their ids.

    Reads on from where the last run began (thirty days at most), with an hour of overlap.
    """
    with transaction() as session:
        cursor = session.get(StripeCursor, _CURSOR)
        start = max(now - KEPT, cursor.at - OVERLAP) if cursor else now - KEPT
        last = cursor.value if cursor else ""
    missed = []
    for raw in events.list_since(gw, (*HANDLERS, *ALERTED), start):
        last = str(raw["id"])
        if inbox.receive_event(pool, msgspec.convert(raw, Envelope), raw, source="reconcile", now=now):
            missed.append(last)
    with transaction() as session:
        session.merge(StripeCursor(name=_CURSOR, value=last, at=now))
    return missed
