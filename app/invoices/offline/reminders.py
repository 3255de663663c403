"""Emails that fall due: the invoice once it is issued, then reminders on days 1, 7 and 14 after its due day.

The business clock decides: a row says when its next email is due, and a sweep finds it. Nothing else follows from a
due day: restricting an organisation is staff's decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.invoices.offline import emails
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import lock_issued

REMINDERS = (1, 7, 14)
HOUR = 9
"""The hour of the day, in the zone of the invoice, at which reminders are sent."""


def list_due(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """List invoices with an email due, most urgent first."""
    due = select(IssuedInvoice.invoice_id).where(IssuedInvoice.next_mail_at <= now)
    return session.scalars(due.order_by(IssuedInvoice.next_mail_at).limit(limit)).all()


def find_next_due(session: Session, after: datetime, until: datetime) -> datetime | None:
    """When the next email about an invoice is due, if that is after `after` and by `until`."""
    ahead = select(func.min(IssuedInvoice.next_mail_at))
    return session.scalar(ahead.where(IssuedInvoice.next_mail_at > after, IssuedInvoice.next_mail_at <= until))


def send_due_email(session: Session, invoice_id: UUID, now: datetime) -> None:
    """Queue the email that is due: the invoice first, whenever that is, then only the newest reminder.

    Safe to race and repeat.
    """
    issued = lock_issued(session, invoice_id)
    if issued.next_mail_at is None or issued.next_mail_at > now:
        return
    reminders = list_reminders(issued)
    if issued.mails == 0:
        done = 1
        emails.queue_issued(session, issued, now)
    else:
        done = 1 + sum(at <= now for at in reminders)
        emails.queue_overdue(session, issued, done - 1, now)
    issued.mails = done
    issued.next_mail_at = find_next_email(issued, now)
    session.flush()


def find_next_email(issued: IssuedInvoice, now: datetime) -> datetime | None:
    """When the next email about an open invoice is due; None after the last reminder."""
    if issued.mails == 0:
        return now
    reminders = list_reminders(issued)
    return reminders[issued.mails - 1] if issued.mails <= len(reminders) else None


def list_reminders(issued: IssuedInvoice) -> list[datetime]:
    """List when an invoice's reminders are due."""
    zone = ZoneInfo(issued.time_zone)
    days = [issued.due_on + timedelta(days=number) for number in REMINDERS]
    return [datetime(day.year, day.month, day.day, HOUR, tzinfo=zone) for day in days]
