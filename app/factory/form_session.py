"""The cookie that holds a form's token. The API has none: a signer made for each of its calls would be for nothing."""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from app.web.errors import API_PREFIX


class FormSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for pages only; under the API the session is Flask's null session."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(API_PREFIX) else super().open_session(app, request)
