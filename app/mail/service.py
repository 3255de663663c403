"""Sends emails: a row and a task in the caller's transaction, then delivery by the worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit import queue
from app.kit.errors import NotFound
from app.kit.ids import new_id
from app.mail.models import Mail
from app.mail.rendering import render_email
from app.mail.smtp import NotSent, SmtpServer, compose_message, parse_address, send_message

MAX_ATTEMPTS = 5
TASK = "mail.send"


def queue_email(
    session: Session, template: str, to: str, *, context: Mapping[str, Any], key: str, now: datetime
) -> UUID:
    """Store an email in the outbox and queue its task, both with the caller's commit. Returns its id.

    `key` identifies the email: a second one with the same key is not created and the first one's id is returned. `now`
    is wall-clock time. Raises `ValueError` when `to` is not exactly one address.
    """
    parse_address(to)
    email = render_email(template, context)
    values = {
        "id": new_id(),
        "key": key,
        "template": template,
        "to_address": to,
        "subject": email.subject,
        "body_text": email.text,
        "body_html": email.html,
        "created_at": now,
    }
    inserted = session.execute(
        insert(Mail).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Mail.id)
    )
    mail_id = inserted.scalar()
    if mail_id is None:
        return session.execute(select(Mail.id).where(Mail.key == key)).scalar_one()
    queue.defer(session, TASK, mail_id=str(mail_id))
    return mail_id


def deliver_email(session: Session, mail_id: UUID, server: SmtpServer, *, now: datetime) -> NotSent | None:
    """Deliver a waiting email and update its row; returns the failure, for the task to raise after its commit.

    Does nothing if the email is sent, failed, or locked by another worker. The row stays locked throughout; a crash
    between the server's acceptance and our commit sends the same Message-ID again.
    """
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))  # allow for a slow server
    query = select(Mail).where(Mail.id == mail_id, Mail.state == "waiting").with_for_update(skip_locked=True)
    mail = session.execute(query).scalar_one_or_none()
    if mail is None:
        return None
    mail.attempts += 1
    failure = _attempt(mail, server, now)
    if failure is None:
        # The body may contain a sign-in link and is no longer needed.
        mail.state, mail.sent_at, mail.last_error, mail.body_text, mail.body_html = "sent", now, None, None, None
    else:
        mail.last_error = str(failure)[:500]
        if failure.final or mail.attempts >= MAX_ATTEMPTS:
            mail.state = "failed"
    session.flush()
    return failure


def retry_email(session: Session, mail_id: UUID) -> None:
    """Retry a failed email with a fresh set of attempts; does nothing to any other. Raises `NotFound`."""
    mail = session.get(Mail, mail_id, with_for_update=True)
    if mail is None:
        raise NotFound("There is no such email.")
    if mail.state == "failed":
        mail.state, mail.attempts = "waiting", 0
        session.flush()
        queue.defer(session, TASK, mail_id=str(mail_id))


def _attempt(mail: Mail, server: SmtpServer, now: datetime) -> NotSent | None:
    content = {"subject": mail.subject, "text": mail.body_text or "", "html": mail.body_html or ""}
    try:
        send_message(server, compose_message(server, key=mail.key, to=mail.to_address, now=now, **content))
    except NotSent as failure:
        return failure
    return None
