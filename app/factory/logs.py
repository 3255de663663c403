"""Logging: JSON lines with the request id. Never a body, key, token, email address, or row of the database."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import g, has_request_context

from app.factory.tracebacks import format_exception
from app.settings import Settings

_SECRET = re.compile(r"(tk_live_|sk_live_|sk_test_|whsec_|rk_live_)[A-Za-z0-9_]+")
_MAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")
_NAMES = ("password", "secret", "token", "authorization", "cookie")


def configure(settings: Settings) -> None:
    """Configure structlog for the process: INFO in production, WARNING in the sandbox."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_request_id,
            format_exception,
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if settings.sandbox else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, LibraryLogs) for handler in root.handlers):
        root.addHandler(LibraryLogs(logging.WARNING))


class LibraryLogs(logging.Handler):
    """What libraries log, such as the queue about a failed task, as our own lines: redacted, without the row."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the id of the request that is being answered, which its error page asks to quote."""
    if has_request_context() and "request_id" in g:
        event.setdefault("request_id", g.request_id)
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact secrets and email addresses in every value before it is written."""
    for name, value in event.items():
        if any(word in name.lower() for word in _NAMES):
            event[name] = "[redacted]"
        elif isinstance(value, str):
            event[name] = redact_text(value)
    return event


def redact_text(text: str) -> str:
    """The text without secrets and email addresses."""
    return _MAIL.sub("[mail]", _SECRET.sub(r"\1[redacted]", text))
