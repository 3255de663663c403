"""Background task: delivers one email. A failure is recorded on its row, then raised so that the queue retries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from app.kit.db import transaction
from app.mail.service import TASK, claim_email, record_delivery
from app.mail.smtp import NotSent, SmtpServer, compose_message, send_message
from app.settings import Settings


def send_email(mail_id: str) -> None:
    """Send an email by id; raises `NotSent` if the queue should retry."""
    running = current_app.extensions["tollkeeper"]
    deliver_email(
        current_app.extensions["sqlalchemy"].session(),
        UUID(mail_id),
        smtp_server(running.settings),
        now=running.clocks.wall.now,
    )


def deliver_email(session: Session, mail_id: UUID, server: SmtpServer, *, now: Callable[[], datetime]) -> None:
    """Claim, send, record, with no transaction open in between; raises `NotSent` if another attempt may succeed."""
    with transaction(session):
        mail = claim_email(session, mail_id, now=now())
        if mail is None:
            return
        content = {"subject": mail.subject, "text": mail.body_text or "", "html": mail.body_html or ""}
        message = compose_message(server, key=mail.key, to=mail.to_address, now=now(), **content)
    failure = None
    try:
        send_message(server, message)
    except NotSent as error:
        failure = error
    with transaction(session):
        record_delivery(session, mail_id, failure, now=now())
    if failure is not None and not failure.final:
        raise failure


def smtp_server(settings: Settings) -> SmtpServer:
    """Build the SMTP server from the settings."""
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.mail_from,
        user=settings.smtp_user,
        password=settings.smtp_password,
        tls=settings.smtp_tls,
    )


TASKS: dict[str, Callable[..., None]] = {TASK: send_email}
PERIODIC: list[tuple[str, str]] = []
