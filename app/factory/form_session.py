"""The cookie that holds a form's token. Machines have none: a signer made for each of their calls is for nothing."""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from app.web.errors import MACHINE_PREFIXES


class FormSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for pages only; for machines the session is Flask's null session."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(MACHINE_PREFIXES) else super().open_session(app, request)
