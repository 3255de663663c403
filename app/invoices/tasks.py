"""Background task: sends the emails about our own invoices that are due, every minute, by the business clock."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from app.invoices.offline import reminders
from app.web.database import transaction
from app.web.runtime import business_now

MOST = 200

log = structlog.get_logger()


def send_invoice_emails() -> int:
    """Queue the emails that are due; returns how many. One transaction each: one failure stops no other."""
    now, done = business_now(), 0
    with transaction() as session:
        due_ids = list(reminders.list_due(session, now, MOST))
    for invoice_id in due_ids:
        try:
            with transaction() as session:
                reminders.send_due_email(session, invoice_id, now)
            done += 1
        except Exception as error:  # noqa: BLE001  (one failure must not stop the others)
            log.warning(
                "invoice email failed; will retry in the next sweep", invoice=str(invoice_id),
                error=type(error).__name__,
            )  # fmt: skip
    return done


TASKS: dict[str, Callable[..., object]] = {"invoices.send_emails": send_invoice_emails}
SWEEPS = ("invoices.send_emails",)
FALLING_DUE = (reminders.find_next_due,)
PERIODIC: list[tuple[str, str]] = [("* * * * *", "invoices.send_emails")]
