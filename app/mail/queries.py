"""Staff's reads of the outbox: a page of emails, and how many are not sent. Bodies are never read: they hold links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.mail.models import Mail

MAIL_STATES = ("waiting", "sent", "failed")


@dataclass(frozen=True, slots=True)
class MailFilter:
    """Filters by state, template and recipient's address, each exact; None matches all."""

    state: str | None = None
    template: str | None = None
    to: str | None = None


def list_emails(session: Session, filters: MailFilter, before: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` emails created before the one with this id, newest first."""
    page = select(
        Mail.id, Mail.template, Mail.to_address, Mail.subject, Mail.state, Mail.attempts, Mail.last_error,
        Mail.created_at, Mail.sent_at,
    )  # fmt: skip
    if filters.state is not None:
        page = page.where(Mail.state == filters.state)
    if filters.template is not None:
        page = page.where(Mail.template == filters.template)
    if filters.to is not None:
        page = page.where(Mail.to_address.in_({filters.to, filters.to.lower()}))
    if before is not None:
        page = page.where(Mail.id < before)
    rows: Sequence[Row[Any]] = session.execute(page.order_by(Mail.id.desc()).limit(limit)).all()  # type: ignore[assignment]  # rows of nine
    return rows


def count_open(session: Session) -> dict[str, int]:
    """How many emails wait and how many have failed. Worked example: {"waiting": 0, "failed": 2}."""
    query = select(Mail.state, func.count()).where(Mail.state != "sent").group_by(Mail.state)
    counts = {row[0]: row[1] for row in session.execute(query)}
    return {state: counts.get(state, 0) for state in ("waiting", "failed")}
