"""`python -m sandbox.mailbox --folder FOLDER --port PORT --smtp-port PORT`: the SMTP server and the page."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from socketserver import ThreadingMixIn
from types import FrameType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox.mail_folder import MailFolder
from sandbox.mailbox.page import Mailbox

HOST = "127.0.0.1"


class MailboxServer(ThreadingMixIn, WSGIServer):
    """One thread per request, so that a browser's idle connection does not block others."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Does not log requests."""

    def log_message(self, *_words: Any) -> None:
        """Do nothing."""


class MessageSink:
    """The aiosmtpd handler that stores messages."""

    def __init__(self, store: MailFolder) -> None:
        self.store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  (aiosmtpd's name)
        """Store the message, then acknowledge it."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.store.add(content, envelope.mail_from or "", list(envelope.rcpt_tos))
        return "250 Kept"


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailbox", description="Catch mail and show it.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    store = MailFolder(arguments.folder)
    smtp = Controller(MessageSink(store), hostname=HOST, port=arguments.smtp_port, server_hostname="mailbox.localhost")
    smtp.start()
    try:
        with make_server(HOST, arguments.port, Mailbox(store), MailboxServer, QuietHandler) as server:
            server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        smtp.stop()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
