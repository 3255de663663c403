"""Background task: delivers one email. A failure is stored on its row, then raised so that the queue retries."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import current_app

from app.kit.db import transaction
from app.mail.service import TASK, deliver_email
from app.mail.smtp import SmtpServer
from app.settings import Settings


def send_email(mail_id: str) -> None:
    """Send an email by id; raises `NotSent` if the queue should retry."""
    running = current_app.extensions["tollkeeper"]
    with transaction(current_app.extensions["sqlalchemy"].session()) as session:
        failure = deliver_email(session, UUID(mail_id), smtp_server(running.settings), now=running.clocks.wall.now())
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
