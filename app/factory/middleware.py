"""Request hooks: request id, access check, rate limit, response headers, one log line."""

from __future__ import annotations

import hmac
import re
import time
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from prometheus_client import Counter, Histogram
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from app.accounts import guards
from app.accounts.identity import Caller
from app.factory import assets, rate
from app.factory.access import ACCESS
from app.factory.rules import Rule
from app.kit.errors import NotAllowed, NotFound, RightLost
from app.kit.ids import new_hex
from app.web.api import MAX_BODY
from app.web.database import guard_transactions
from app.web.errors import API_PREFIX, MACHINE_PREFIXES
from app.web.pages import redirect_to
from app.web.runtime import business_now, runtime

log = structlog.get_logger()
REQUESTS = Counter("tollkeeper_requests_total", "Requests answered", ["endpoint", "status"])
SECONDS = Histogram("tollkeeper_request_seconds", "Time to answer", ["endpoint"])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_UNREAD, _CHUNK = MAX_BODY + 1024 * 1024, 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action {}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOREVER = "public, max-age=31536000, immutable"
_PAGE_HEADERS = {"Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()"}
_PAGE_HEADERS_KEY = "tollkeeper.page_headers"


def register(app: Flask) -> None:
    """Install the hooks, in the order in which they run."""
    settings = app.extensions["tollkeeper"].settings
    # A form's answer may redirect to Stripe, and browsers apply `form-action` to redirects too.
    form_targets = " ".join(("'self'", *(settings.stripe_page_hosts if settings.stripe_on else ())))
    app.extensions[_PAGE_HEADERS_KEY] = {"Content-Security-Policy": _CSP.format(form_targets), **_PAGE_HEADERS}
    app.before_request(_begin)
    app.before_request(_refuse_other_sites)
    app.before_request(_admit)
    app.after_request(_finish)
    app.context_processor(_context)


def _begin() -> None:
    sent = request.headers.get("X-Request-Id", "")
    g.request_id = sent if _REQUEST_ID.fullmatch(sent) else new_hex()
    g.started = time.perf_counter()


def _refuse_other_sites() -> None:
    """A second defence besides the CSRF token: browsers say where an unsafe request comes from (OWASP, CSRF)."""
    if request.method in SAFE_METHODS or request.path.startswith(API_PREFIX):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = {None, request.host_url.rstrip("/"), runtime().settings.base_url}
    if site not in {"same-origin", "none"} if site else origin not in ours:
        raise NotAllowed("This form was sent from another site. Nothing was changed.", code="csrf")


def _admit() -> Response | None:
    endpoint = request.endpoint
    if endpoint is None or request.routing_exception is not None:
        return None  # Flask answers 404 and 405
    rule = ACCESS[endpoint]
    if rule.kind == "key":
        _admit_key(rule)
    elif rule.kind == "operator":
        _admit_operator()
    elif rule.kind != "public":
        return _admit_person(rule)
    return None


def _admit_key(rule: Rule) -> None:
    caller = guards.identify_key(request)
    guards.require_scope(caller, str(rule.scope))
    if caller.org_id is not None:
        g.idempotency_owner = caller.org_id
        rate.spend(caller.org_id)


def _admit_operator() -> None:
    token = runtime().settings.metrics_token
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(token.encode(), sent.encode()):
        raise NotFound("There is nothing at this address.")


def _admit_person(rule: Rule) -> Response | None:
    """Let a person in whom the rule allows. What they write is checked again in the transaction that writes it."""
    caller = guards.caller()
    if caller.user_id is None:
        return redirect_to("accounts.sign_in", next=_return_path())
    if rule.kind != "signed_in" and not caller.verified:
        return redirect_to("accounts.resend_verification")
    _require(rule, caller)
    if request.method not in SAFE_METHODS:
        guard_transactions(partial(_require_still, rule))
    return None


def _require_still(rule: Rule, session: Session) -> None:
    """Read the caller again under the lock of their membership, and apply the rule to what they are now.

    Raises `RightLost`, which no view takes for a refusal of the form's content.
    """
    try:
        _require(rule, guards.reread_caller(session))
    except (NotAllowed, NotFound) as lost:
        raise RightLost(lost.detail, code=lost.code) from lost


def _require(rule: Rule, caller: Caller) -> None:
    if rule.kind == "staff" and not caller.staff:
        raise NotFound("There is nothing at this address.")
    if rule.kind == "role" and caller.role not in rule.roles:
        yours = f"yours is {caller.role}" if caller.role else "you are not in an organisation yet"
        raise NotAllowed(f"This needs one of the roles {', '.join(sorted(rule.roles))}; {yours}.")


def _return_path() -> str | None:
    """Where to return after signing in; only a page that can be opened by a link."""
    return request.full_path.rstrip("?") if request.method == "GET" else None


def _finish(response: Response) -> Response:
    response.headers.extend(_HEADERS)
    response.headers["X-Request-Id"] = g.get("request_id", "")
    machine = request.path.startswith(MACHINE_PREFIXES)
    if machine:
        rate.describe(response)
    elif request.endpoint != "static" or response.mimetype == "text/html":  # such as the page of a 404
        for name, value in current_app.extensions[_PAGE_HEADERS_KEY].items():
            response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.endpoint == "static" and response.status_code < 400:
        asked = (request.view_args or {}).get("filename", ""), request.args.get("v", "")
        response.headers["Cache-Control"] = _FOREVER if assets.is_version(*asked) else "no-cache"
    if not runtime().settings.sandbox:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    _record_metrics(response, machine=machine)
    if response.status_code >= 400:
        _read_rest()
    return response


def _read_rest() -> None:
    """Read what a refused request still sends, up to a little more than the proxy lets through.

    The server would close on it, which resets the connection; the refusal may be lost with it.
    """
    try:
        unread = request.stream  # it ends where the body ends, also on servers whose own input waits for more
    except RequestEntityTooLarge:
        unread = request.environ["wsgi.input"]  # nothing of it was read
    left = min(request.content_length or 0, _MOST_UNREAD)
    while left > 0 and (chunk := unread.read(min(left, _CHUNK))):
        left -= len(chunk)


def _record_metrics(response: Response, *, machine: bool) -> None:
    endpoint = request.endpoint or "none"
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    REQUESTS.labels(endpoint, response.status_code).inc()
    SECONDS.labels(endpoint).observe(seconds)
    if not machine or response.status_code >= 500:
        log.info("request", endpoint=endpoint, method=request.method, status=response.status_code,
                 ms=round(seconds * 1000, 1))  # fmt: skip


def _context() -> dict[str, Any]:
    return {
        "who": guards.caller(),  # Jinja reserves `caller`
        "settings": runtime().settings,
        "request_id": g.get("request_id", ""),
        "now": business_now(),
        "csrf_field": _csrf_field,
        "static_url": _static_url,
    }


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def _static_url(path: str) -> str:
    return url_for("static", filename=path, v=assets.version(path))
