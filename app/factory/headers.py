"""The headers of answers: what every answer carries, what pages carry, and how long an answer may be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response

from app.factory import assets
from app.settings import Settings

_ALWAYS = [
    ("Server", "tollkeeper"),  # otherwise the server's own name
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_HTTPS_ONLY = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action {}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
_OWN = "tollkeeper.headers"  # in the request's environ
_FOREVER = "public, max-age=31536000, immutable"


def register(app: Flask, settings: Settings) -> None:
    """Have every answer carry the headers that never differ, and those of `add`."""
    serve = app.wsgi_app
    always = _ALWAYS if settings.sandbox else [*_ALWAYS, _HTTPS_ONLY]

    def serve_with_headers(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        own: dict[str, str] = {}
        environ[_OWN] = own

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, *own.items(), *always], *error)

        return serve(environ, start)

    app.wsgi_app = serve_with_headers  # type: ignore[method-assign]  # as Flask documents


def add(asked: Request, name: str, value: str) -> None:
    """Add a header to the answer, past werkzeug, which checks and copies each one that a response holds.

    The value is ours, or was checked: it holds no line break.
    """
    asked.environ[_OWN][name] = value


def build_page_headers(settings: Settings) -> dict[str, str]:
    """The content policy of this installation's pages, and what else a page carries."""
    # A form's answer may redirect to Stripe, and browsers apply `form-action` to redirects too.
    form_targets = " ".join(("'self'", *(settings.stripe_page_hosts if settings.stripe_on else ())))
    return {"Content-Security-Policy": _CSP.format(form_targets), "Permissions-Policy": _PERMISSIONS}


def set_lifetime(asked: Request, response: Response) -> None:
    """Say how long the answer may be kept: only the very content that an address names for ever, and no page at all."""
    if asked.endpoint == "static" and response.status_code < 400:
        named = (asked.view_args or {}).get("filename", ""), asked.args.get("v", "")
        response.headers["Cache-Control"] = _FOREVER if assets.is_version(*named) else "no-cache"
    elif "Cache-Control" not in response.headers:
        add(asked, "Cache-Control", "no-store")
