"""Background: apply events, ask about what is quiet, send what a failed renewal makes due, reconcile at night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from app.payments.dunning import schedule
from app.payments.gateway import get_gateway, payments_on
from app.payments.reconciliation.pending import list_pending, resolve_all
from app.payments.reconciliation.reconcile import ReconciliationReport
from app.payments.reconciliation.reconcile import reconcile as _reconcile
from app.payments.webhooks import inbox
from app.payments.webhooks.apply import apply_event
from app.web.database import transaction
from app.web.runtime import business_now, runtime

MOST = 200
FORGOTTEN = timedelta(minutes=5)
"""An event that waits so long without a task has lost it with a killed worker."""

log = structlog.get_logger()


def resolve_pending_payments() -> None:
    """Ask Stripe about open checkouts and pending records, and put lost tasks of the inbox back."""
    now = business_now()
    with transaction() as session:
        inbox.reopen_failed(session, now=now, older_than=FORGOTTEN, most=MOST)
    if not payments_on():
        return
    with transaction() as session:
        chosen = list_pending(session, now)
    resolve_all(get_gateway(), chosen, now)


def advance_dunnings() -> None:
    """Send the mails of failed renewals and end their grace. Each has its own transaction; one stops no other."""
    now = business_now()
    with transaction() as session:
        chosen = list(schedule.list_due(session, now, MOST))
    for dunning_id in chosen:
        try:
            with transaction() as session:
                schedule.advance_dunning(session, dunning_id, now)
        except Exception as error:  # noqa: BLE001  (whatever it was, it stops no other)
            log.warning("left for the next sweep", dunning=str(dunning_id), error=type(error).__name__)


def reconcile() -> ReconciliationReport:
    """Compare everything with Stripe, and repair it. Where payments are off there is nothing to compare."""
    if not payments_on():
        return ReconciliationReport()
    return _reconcile(get_gateway(), runtime().pool, apply_event, business_now())


TASKS: dict[str, Callable[..., object]] = {
    inbox.TASK: apply_event,
    "payments.ask": resolve_pending_payments,
    "payments.dun": advance_dunnings,
    "payments.reconcile": reconcile,
}
PERIODIC: list[tuple[str, str]] = [
    ("*/2 * * * *", "payments.ask"),
    ("* * * * *", "payments.dun"),
    ("40 3 * * *", "payments.reconcile"),
]
