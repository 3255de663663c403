"""The rooms below and their sweeps, and the task that runs these when the sandbox's clock has moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from app.accounts import tasks as accounts
from app.admin.plan_moves import tasks as plan_moves
from app.billing_runs import tasks as billing_runs
from app.invoices import tasks as invoices
from app.kit.queue import Due
from app.mail import tasks as mail
from app.metering import tasks as metering
from app.payments import tasks as payments
from app.subscriptions import tasks as subscriptions
from app.web import tasks as web
from app.web.database import transaction

ROOMS = (accounts, mail, subscriptions, metering, invoices, payments, billing_runs, plan_moves, web)
SWEEP = "ops.sweep"
MOST = 20
SWEEPING = (metering, subscriptions, plan_moves, payments, billing_runs, invoices)
FALLING_DUE: tuple[Due, ...] = (
    *subscriptions.FALLING_DUE, *payments.FALLING_DUE, *billing_runs.FALLING_DUE, *invoices.FALLING_DUE,
)  # fmt: skip


def sweep() -> None:
    """Run the sweeps of the business clock until none of them finds anything; `RuntimeError` if one always does."""
    found: list[str] = []
    for _ in range(MOST):
        found = list(sweep_once())
        if not found:
            return
    raise RuntimeError(f"always finds work: {', '.join(found)}")


def sweep_once() -> Iterator[str]:
    """Run every sweep of the business clock once; yield the names of those that found something."""
    for room in SWEEPING:
        for name in room.SWEEPS:
            if room.TASKS[name]():
                yield name


def next_due(after: datetime, until: datetime) -> datetime | None:
    """The earliest instant in (after, until] at which a row of ours falls due."""
    with transaction() as session:
        known = [find(session, after, until) for find in FALLING_DUE]
    return min((at for at in known if at is not None), default=None)


TASKS: dict[str, Callable[..., object]] = {SWEEP: sweep}
PERIODIC: list[tuple[str, str]] = []
