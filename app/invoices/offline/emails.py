"""Emails about our own invoices. Each has a key, so it is sent once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.invoices.offline.models import OPEN, IssuedInvoice
from app.invoices.offline.wording import describe_payment, format_amount, format_day
from app.notifications.service import notify
from app.web.addresses import absolute_url

_LINES = 12
"""How many lines of an invoice its email lists."""


def queue_issued(session: Session, issued: IssuedInvoice, now: datetime) -> None:
    """Queue the invoice itself: what it comes to, and by when it is to be paid."""
    facts = _build_facts(issued) | {
        "total": format_amount(issued.total, issued.currency),
        "lines": [
            (line["description"], format_amount(line["amount"], issued.currency)) for line in issued.lines[:_LINES]
        ],
        "more": max(0, len(issued.lines) - _LINES),
    }
    notify(session, issued.org_id, "invoice_issued", facts, key=str(issued.invoice_id), now=now, copies=True)


def queue_overdue(session: Session, issued: IssuedInvoice, number: int, now: datetime) -> None:
    """Queue a reminder of an overdue invoice; `number` tells the reminders of one apart."""
    late = now.astimezone(ZoneInfo(issued.time_zone)).date() - issued.due_on
    facts = _build_facts(issued) | {"days": late.days, "partly": issued.paid > 0 or issued.credited > 0}
    notify(session, issued.org_id, "invoice_overdue", facts, key=f"{issued.invoice_id}:{number}", now=now, copies=True)


def queue_payment(
    session: Session, issued: IssuedInvoice, record_id: UUID, *, amount: int, day: date, now: datetime
) -> None:
    """Queue the confirmation of a payment that staff recorded."""
    facts = _build_payment_facts(issued, amount, day)
    notify(session, issued.org_id, "invoice_payment", facts, key=str(record_id), now=now, copies=True)


def queue_reversal(
    session: Session, issued: IssuedInvoice, record_id: UUID, *, amount: int, day: date, now: datetime
) -> None:
    """Queue the notice that a payment was recorded by mistake, and of what is due."""
    facts = _build_payment_facts(issued, amount, day)
    notify(session, issued.org_id, "invoice_payment_reversed", facts, key=str(record_id), now=now, copies=True)


def queue_void(session: Session, issued: IssuedInvoice, now: datetime) -> None:
    """Queue the notice that an invoice that was sent is void."""
    notify(
        session, issued.org_id, "invoice_void", _build_facts(issued), key=str(issued.invoice_id), now=now, copies=True
    )


def _build_payment_facts(issued: IssuedInvoice, amount: int, day: date) -> dict[str, Any]:
    """A payment, and what is due once it has been recorded or reversed."""
    return _build_facts(issued) | {
        "amount": format_amount(amount, issued.currency),
        "paid_on": format_day(day),
        "left": format_amount(issued.remaining, issued.currency) if issued.state == OPEN else None,
    }


def _build_facts(issued: IssuedInvoice) -> dict[str, Any]:
    return {
        "number": issued.number,
        "due": format_amount(issued.remaining, issued.currency),
        "issued_on": format_day(issued.issued_on),
        "due_on": format_day(issued.due_on),
        "how": describe_payment(issued),
        "link": absolute_url("invoices.invoice", invoice_id=str(issued.invoice_id)),
    }
