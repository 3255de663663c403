"""Sending a letter: a row and a task in the caller's transaction, then the handing over by the worker."""

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

MOST_ATTEMPTS = 5
TASK = "mail.send"


def queue_email(
    session: Session, template: str, to: str, *, context: Mapping[str, Any], key: str, now: datetime
) -> UUID:
    """Put a letter into the outbox and its task into the queue; both leave with the caller's commit. Returns its id.

    `key` says which letter this is: a second one under the same key is not made, and the first one's id is returned.
    `now` is wall-clock time. `ValueError` when `to` is not exactly one address.
    """
    parse_address(to)
    letter = render_email(template, context)
    values = {
        "id": new_id(),
        "key": key,
        "template": template,
        "to_address": to,
        "subject": letter.subject,
        "body_text": letter.text,
        "body_html": letter.html,
        "created_at": now,
    }
    made = session.execute(
        insert(Mail).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Mail.id)
    )
    mail_id = made.scalar()
    if mail_id is None:
        return session.execute(select(Mail.id).where(Mail.key == key)).scalar_one()
    queue.defer(session, TASK, mail_id=str(mail_id))
    return mail_id


def deliver_email(session: Session, mail_id: UUID, server: SmtpServer, *, now: datetime) -> NotSent | None:
    """Hand a waiting letter to the SMTP server and mark it; returns why not, for the door to raise after its commit.

    Does nothing for a letter that is sent, parked, or in another worker's hands. The row stays locked meanwhile; a
    crash between the server's word and our commit sends the same Message-ID once more.
    """
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))  # a slow server is waited for
    mine = select(Mail).where(Mail.id == mail_id, Mail.state == "waiting").with_for_update(skip_locked=True)
    mail = session.execute(mine).scalar_one_or_none()
    if mail is None:
        return None
    mail.attempts += 1
    failure = _try(mail, server, now)
    if failure is None:
        # The words may hold a link that signs somebody in: they have no use here any more.
        mail.state, mail.sent_at, mail.last_error, mail.body_text, mail.body_html = "sent", now, None, None, None
    else:
        mail.last_error = str(failure)[:500]
        if failure.final or mail.attempts >= MOST_ATTEMPTS:
            mail.state = "failed"
    session.flush()
    return failure


def retry_email(session: Session, mail_id: UUID) -> None:
    """Give a parked letter its tries once more; nothing happens to one that waits or is sent. Raises `NotFound`."""
    mail = session.get(Mail, mail_id, with_for_update=True)
    if mail is None:
        raise NotFound("There is no such mail.")
    if mail.state == "failed":
        mail.state, mail.attempts = "waiting", 0
        session.flush()
        queue.defer(session, TASK, mail_id=str(mail_id))


def _try(mail: Mail, server: SmtpServer, now: datetime) -> NotSent | None:
    words = {"subject": mail.subject, "text": mail.body_text or "", "html": mail.body_html or ""}
    try:
        send_message(server, compose_message(server, key=mail.key, to=mail.to_address, now=now, **words))
    except NotSent as failure:
        return failure
    return None
