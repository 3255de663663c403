"""The cookie that holds the CSRF token. Machine requests skip it: creating a signer for each would be wasted work."""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from app.web.errors import MACHINE_PREFIXES


class FormSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for pages only; machine requests get Flask's null session."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(MACHINE_PREFIXES) else super().open_session(app, request)
