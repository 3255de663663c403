"""Sends emails: a row and a task in the caller's transaction, then delivery by the worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit import queue
from app.kit.db import read_clocks
from app.kit.errors import NotFound
from app.kit.ids import new_id
from app.mail.models import Mail
from app.mail.rendering import render_email
from app.mail.smtp import DEADLINE, TIMEOUT, NotSent, parse_address

MAX_ATTEMPTS = 5
CLAIM = timedelta(seconds=DEADLINE + 2 * TIMEOUT)  # connecting comes before the deadline begins
TASK = "mail.send"


def queue_email(
    session: Session,
    template: str,
    to: str,
    *,
    context: Mapping[str, Any],
    key: str,
    now: datetime,
    about: UUID | None = None,
) -> UUID:
    """Store an email in the outbox and queue its task, both with the caller's commit. Returns its id.

    `key` identifies the email: a second one with the same key is not created and the first one's id is returned. `now`
    is wall-clock time. `about` is the id of an org, if the email is about one. Raises `ValueError` when `to` is not
    exactly one address.
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
        "about": about,
        "at": read_clocks(session, now)[0] if about else None,
    }
    inserted = session.execute(
        insert(Mail).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Mail.id)
    )
    mail_id = inserted.scalar()
    if mail_id is None:
        return session.execute(select(Mail.id).where(Mail.key == key)).scalar_one()
    queue.defer(session, TASK, mail_id=str(mail_id))
    return mail_id


def claim_email(session: Session, mail_id: UUID, *, now: datetime) -> Mail | None:
    """Claim a waiting email for sending, for as long as that can take; None if it is sent, failed or unknown.

    Counts the attempt. Commit before sending: no transaction is open while a mail server is spoken to. Raises `NotSent`
    while another worker is sending it, so that the queue asks again: that worker may have died.
    """
    query = select(Mail).where(Mail.id == mail_id, Mail.state == "waiting").with_for_update()
    mail = session.execute(query).scalar_one_or_none()
    if mail is None:
        return None
    if mail.claimed_until is not None and mail.claimed_until > now:
        raise NotSent("Another worker is sending this email.")
    mail.attempts += 1
    mail.claimed_until = now + CLAIM
    session.flush()
    return mail


def record_delivery(session: Session, mail_id: UUID, failure: NotSent | None, *, now: datetime) -> None:
    """Record what became of a claimed email: sent, to be tried again, or failed.

    A crash between the server's acceptance and this commit sends the same Message-ID again.
    """
    mail = session.get_one(Mail, mail_id, with_for_update=True, populate_existing=True)
    mail.claimed_until = None
    if failure is None:
        # The body may contain a sign-in link and is no longer needed.
        mail.state, mail.sent_at, mail.last_error, mail.body_text, mail.body_html = "sent", now, None, None, None
    else:
        mail.last_error = str(failure)[:500]
        if failure.final or mail.attempts >= MAX_ATTEMPTS:
            mail.state = "failed"
    session.flush()


def retry_email(session: Session, mail_id: UUID) -> Mail | None:
    """Retry a failed email with a fresh set of attempts; returns it, or None if it had not failed. Raises `NotFound`.

    The state is read under the row's lock, so two at once queue it once, and what is sent is never sent again.
    """
    mail = session.get(Mail, mail_id, with_for_update=True)
    if mail is None:
        raise NotFound("There is no such email.")
    if mail.state != "failed":
        return None
    mail.state, mail.attempts = "waiting", 0
    session.flush()
    queue.defer(session, TASK, mail_id=str(mail_id))
    return mail
