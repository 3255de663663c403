"""A real SMTP server in a thread, and just enough of an app to run the task that talks to it."""

import asyncio
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from threading import Event

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask

from app.kit.clock import Clocks
from app.kit.postgres.pool import HotPool
from app.web.database import db
from app.web.runtime import Runtime
from tests.support.settings import make_settings
from tests.today import FixedClock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Mailbox:
    """What arrived. Addresses that begin with `gone` are refused for good, with `busy` for now."""

    port: int
    letters: list = field(default_factory=list)
    recipients: list = field(default_factory=list)
    entered: Event = field(default_factory=Event)
    hold: Event | None = None

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  # aiosmtpd's name
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
        self.entered.set()
        if self.hold:
            await asyncio.to_thread(self.hold.wait, 5)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(envelope.rcpt_tos)
        return "250 OK"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def known(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"portal", b"s3cret-word"), handled=False)


@pytest.fixture
def mailbox():
    box = Mailbox(free_port())
    yield from _serving(box, auth_required=False)


@pytest.fixture
def guarded():
    box = Mailbox(free_port())
    yield from _serving(box, authenticator=known, auth_required=True, auth_require_tls=False)


def _serving(box, **options):
    controller = Controller(box, hostname="127.0.0.1", port=box.port, enable_SMTPUTF8=True, **options)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def app(database, mailbox):
    bare = Flask("mail")
    bare.config["SQLALCHEMY_DATABASE_URI"] = database.replace("postgresql://", "postgresql+psycopg://", 1)
    settings = make_settings(database, smtp_port=mailbox.port, mail_from="Tollkeeper <billing@portal.example>")
    clocks = Clocks(business=FixedClock(NOW), wall=FixedClock(NOW))
    bare.extensions["tollkeeper"] = Runtime(settings, clocks, HotPool(database, 1), NOW)
    db.init_app(bare)
    yield bare
    with bare.app_context():
        db.engine.dispose()


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()
        db.session.remove()
