"""Background tasks: apply events, resolve pending payments, send dunning emails, reconcile nightly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from app.payments.billing_contact.send_contact import send_contacts
from app.payments.dunning import schedule
from app.payments.gateway import get_gateway, payments_on
from app.payments.plan_changes.apply_moves import apply_moves
from app.payments.price_push.push import DIFFERS, PUSH, push_catalog
from app.payments.reconciliation.pending import list_pending, resolve_all
from app.payments.reconciliation.reconcile import ReconciliationReport
from app.payments.reconciliation.reconcile import reconcile as _reconcile
from app.payments.trials import ending
from app.payments.trials.end_refused import sweep_refused_trials
from app.payments.trials.judge import END_REFUSED
from app.payments.webhooks import inbox
from app.payments.webhooks.apply import apply_event
from app.subscriptions.changes.moves import find_next_due
from app.web.database import transaction
from app.web.runtime import business_now, runtime
from app.web.sweeps import run_each_in_transaction

MOST = 200
LOST_AFTER = timedelta(minutes=5)
"""An event waiting this long without a task lost it when a worker was killed."""

log = structlog.get_logger()


def resolve_pending_payments() -> None:
    """Poll Stripe for open checkouts and pending records, and requeue lost inbox tasks."""
    now = business_now()
    with transaction() as session:
        inbox.requeue_lost(session, now=now, older_than=LOST_AFTER, limit=MOST)
    if not payments_on():
        return
    with transaction() as session:
        pending = list_pending(session, now)
    resolve_all(get_gateway(), pending, now)


def advance_dunnings() -> int:
    """Send dunning emails and end grace periods; returns how many."""
    now = business_now()
    with transaction() as session:
        due_ids = list(schedule.list_due(session, now, MOST))
    return run_each_in_transaction(due_ids, schedule.advance_dunning, now, "dunning failed")


def end_refused_trials() -> int:
    """Cancel subscriptions whose trial was refused and that still run at Stripe; returns how many."""
    return sweep_refused_trials(business_now())


def tell_trial_ends() -> int:
    """Email organisations whose trial ends within three days; returns how many."""
    now = business_now()
    with transaction() as session:
        due = list(ending.list_ending(session, now, MOST))
    return run_each_in_transaction(due, ending.tell_ending, now, "trial end not told")


def reconcile(*, everything: bool = False) -> ReconciliationReport:
    """Compare what changed since the last run, or `everything`, and repair it. Does nothing when payments are off."""
    if not payments_on():
        return ReconciliationReport()
    return _reconcile(get_gateway(), runtime().pool, apply_event, business_now(), everything=everything)


def reconcile_everything() -> ReconciliationReport:
    """Compare everything with Stripe, including what no event tells of, and repair it."""
    return reconcile(everything=True)


def apply_planned_moves() -> int:
    """Let moves that staff planned take effect; returns for how many organisations."""
    return apply_moves(business_now())


def send_billing_contacts() -> None:
    """Send names, addresses, tax ids and email addresses that changed to Stripe."""
    if payments_on():
        send_contacts(get_gateway(), business_now())


def push_prices() -> None:
    """Push the prices of every live plan to Stripe, after one was published. Safe to repeat."""
    if not payments_on():
        return
    for pushed in push_catalog(get_gateway(), business_now()):
        if pushed.outcome == DIFFERS:
            log.warning("a price is not at Stripe", price=pushed.selection.lookup_key, why=pushed.why)


TASKS: dict[str, Callable[..., object]] = {
    inbox.TASK: apply_event,
    "payments.resolve_pending": resolve_pending_payments,
    "payments.advance_dunnings": advance_dunnings,
    "payments.send_contacts": send_billing_contacts,
    PUSH: push_prices,
    END_REFUSED: end_refused_trials,
    "payments.tell_trial_ends": tell_trial_ends,
    "payments.apply_moves": apply_planned_moves,
    "payments.reconcile": reconcile,
    "payments.reconcile_everything": reconcile_everything,
}
SWEEPS = (
    "payments.apply_moves",
    "payments.resolve_pending",
    "payments.advance_dunnings",
    "payments.send_contacts",
    END_REFUSED,
    "payments.tell_trial_ends",
)
FALLING_DUE = (find_next_due, schedule.find_next_due, ending.find_next_ending)
PERIODIC: list[tuple[str, str]] = [
    ("* * * * *", "payments.apply_moves"),
    ("*/2 * * * *", "payments.resolve_pending"),
    ("* * * * *", "payments.advance_dunnings"),
    ("* * * * *", "payments.send_contacts"),
    ("*/2 * * * *", END_REFUSED),
    ("*/5 * * * *", "payments.tell_trial_ends"),
    ("40 3 * * 1-6", "payments.reconcile"),
    ("40 3 * * 0", "payments.reconcile_everything"),
]
