"""Logging: JSON lines with the request id. Never a body, key, token or email address."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from app.settings import Settings

_SECRET = re.compile(r"(tk_live_|sk_live_|sk_test_|whsec_|rk_live_)[A-Za-z0-9_]+")
_MAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")
_NAMES = ("password", "secret", "token", "authorization", "cookie")


def configure(settings: Settings) -> None:
    """Configure structlog for the process: INFO in production, WARNING in the sandbox."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if settings.sandbox else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact secrets and email addresses in every value before it is written."""
    for name, value in event.items():
        if any(word in name.lower() for word in _NAMES):
            event[name] = "[redacted]"
        elif isinstance(value, str):
            event[name] = _MAIL.sub("[mail]", _SECRET.sub(r"\1[redacted]", value))
    return event
