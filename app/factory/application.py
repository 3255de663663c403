"""Our Flask application: its static files, and its signed cookie, which is for pages only.

The cookie holds a visitor's form token and, once signed in, the session's token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.templating import Environment
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context

from app.accounts.sign_in.sessions import SESSION_LIFETIME
from app.factory import assets
from app.settings import Settings
from app.web.errors import MACHINE_PREFIXES

_WITHOUT_COOKIE = (*MACHINE_PREFIXES, "/static/")


class SharedTemplate(Template):
    """A template whose macros are made once: all have the environment's globals, which Jinja compares at each use."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:  # noqa: ARG002  # Jinja passes it
        return super()._get_default_module()


class Portal(Flask):
    """Flask with our static files, and without checking on every request whether views and hooks are coroutines."""

    def create_jinja_environment(self) -> Environment:
        environment = super().create_jinja_environment()
        environment.template_class = SharedTemplate
        return environment

    def send_static_file(self, filename: str) -> Response:
        return assets.serve_text(filename) if filename in assets.texts() else super().send_static_file(filename)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class InertSession(SecureCookieSession):
    """Begins empty and is never saved, so no cookie signs a program in and no answer to one sets a cookie."""


class PageSessions(SecureCookieSessionInterface):
    """The signed cookie for pages; an inert session under /api, /webhooks and /static."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(_WITHOUT_COOKIE):
            return InertSession()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, InertSession):
            super().save_session(app, session, response)


def cookie_settings(settings: Settings) -> dict[str, object]:
    """Flask's configuration of the cookie. `__Host-` ties it to this host, https and the root path.

    It lives as long as a session can, from sign-in on: the row alone says when a session ends.
    """
    secure = settings.base_url.startswith("https://")
    return {
        "SESSION_COOKIE_NAME": "__Host-tk_session" if secure else "tk_session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFETIME,
    }
