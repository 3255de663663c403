"""SMTP: composes messages and sends them. The only user of `smtplib`."""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from threading import Timer

TIMEOUT = 10.0  # seconds for each step of the conversation
DEADLINE = 60.0  # seconds for the whole of it, however slowly the server talks
IMPLICIT_TLS_PORT = 465
_PART = r'([^\s@,;:<>()\[\]\\"]+)'
_ADDRESS = re.compile(f"{_PART}@{_PART}")


@dataclass(frozen=True)
class SmtpServer:
    """The SMTP server and its credentials. `tls` requires STARTTLS; port 465 uses implicit TLS."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


class NotSent(Exception):  # an outcome, not a bug
    """The server did not accept the email. `final`: it never will, as it refused the recipient permanently."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def parse_address(to: str) -> tuple[str, str]:
    """Parse exactly one bare address, in any script, into local part and ASCII domain; raises `ValueError`."""
    match = _ADDRESS.fullmatch(to)
    if match is None or not to.isprintable():
        raise ValueError("not a mail address")
    try:
        return match[1], match[2].encode("idna").decode()
    except UnicodeError as wrong:
        raise ValueError("not a mail address") from wrong


def compose_message(
    server: SmtpServer, *, key: str, to: str, subject: str, text: str, html: str, now: datetime
) -> EmailMessage:
    """Compose a text message with an HTML alternative. Its Message-ID derives from the key, to reveal duplicates."""
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    username, domain = parse_address(to)
    message["To"] = Address(username=username, domain=domain)
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{_domain(server.sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def send_message(server: SmtpServer, message: EmailMessage) -> None:
    """Send a message; returns once the server has accepted responsibility for it. Raises `NotSent`."""
    try:
        with _connect(server) as connection, _deadline(connection):
            if server.tls and server.port != IMPLICIT_TLS_PORT:
                connection.starttls(context=ssl.create_default_context())
            if server.user:
                connection.login(server.user, server.password or "")
            connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as refused:
        code, words = next(iter(refused.recipients.values()))
        raise NotSent(f"{code} {words.decode('utf-8', 'replace')}", final=500 <= code < 600) from refused
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error


@contextmanager
def _deadline(connection: smtplib.SMTP) -> Iterator[None]:
    """Cut the connection at the deadline: a server that sends a byte now and then never exceeds a step's timeout."""

    def cut() -> None:
        with suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(DEADLINE, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _connect(server: SmtpServer) -> smtplib.SMTP:
    # Pass the host name, as smtplib would otherwise look it up in the DNS for every connection.
    name = socket.gethostname()
    if server.port == IMPLICIT_TLS_PORT:
        secure = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=TIMEOUT, context=secure)
    return smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=TIMEOUT)


def _domain(sender: str) -> str:
    _, at, domain = parseaddr(sender)[1].rpartition("@")
    return domain if at else "localhost"
