"""Request hooks: request id, access check, rate limit, response headers, one log line."""

from __future__ import annotations

import hmac
import re
import time
from functools import cache, partial
from typing import Any

import structlog
from flask import Flask, Request, Response, current_app, g, request, url_for
from flask_login import current_user, login_fresh
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from prometheus_client import Counter, Histogram
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.reads import VIEWED, audit_read
from app.accounts.sign_in import step_up
from app.accounts.sign_in.login import login_manager
from app.factory import assets, headers, rate, viewing
from app.factory.access import ACCESS
from app.factory.rules import Rule
from app.kit.errors import NotAllowed, NotFound, RightLost
from app.kit.ids import new_hex
from app.kit.local_addresses import is_loopback
from app.web.bodies import MAX_BODY
from app.web.database import guard_transactions
from app.web.errors import API_PREFIX, MACHINE_PREFIXES
from app.web.pages import redirect_to, reload_other_page
from app.web.runtime import business_now, resolve, runtime

log = structlog.get_logger()
REQUESTS = Counter("tollkeeper_requests_total", "Requests answered", ["endpoint", "status"])
SECONDS = Histogram("tollkeeper_request_seconds", "Time to answer", ["endpoint"])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_UNREAD, _CHUNK = MAX_BODY + 1024 * 1024, 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_PAGE_HEADERS_KEY, _HOST_KEY = "tollkeeper.page_headers", "tollkeeper.host"


def register(app: Flask) -> None:
    """Install the hooks, in the order in which they run."""
    settings = app.extensions["tollkeeper"].settings
    app.extensions[_HOST_KEY] = settings.host, settings.sandbox
    app.extensions[_PAGE_HEADERS_KEY] = headers.build_page_headers(settings)
    app.before_request(_begin)
    app.after_request(_finish)
    app.context_processor(_context)
    headers.register(app, settings)


def _begin() -> Response | None:
    asked = resolve(request)
    sent = asked.environ.get("HTTP_X_REQUEST_ID")
    g.request_id = sent if sent and _REQUEST_ID.fullmatch(sent) else new_hex()
    g.started = time.perf_counter()
    _refuse_other_hosts(asked)
    _refuse_other_sites(asked)
    return _admit(asked)


def _refuse_other_hosts(asked: Request) -> None:
    """Answer under our own name only (CWE-644). A sandbox also answers under this machine's; probes use any address."""
    host = asked.environ.get("HTTP_HOST", "")
    ours, sandbox = current_app.extensions[_HOST_KEY]
    if host.lower() == ours or (asked.endpoint or "").startswith("health."):
        return
    if not sandbox or not is_loopback(re.sub(r":\d+$", "", host)):
        raise BadRequest(f"This is not the address of this portal, which is {runtime().settings.base_url}.")


def _refuse_other_sites(asked: Request) -> None:
    """A second defence besides the CSRF token: browsers say where an unsafe request comes from (OWASP, CSRF)."""
    if asked.method in SAFE_METHODS or asked.path.startswith(API_PREFIX):
        return
    site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
    ours = {None, asked.host_url.rstrip("/"), runtime().settings.base_url}
    if site not in {"same-origin", "none"} if site else origin not in ours:
        raise NotAllowed("This form was sent from another site. Nothing was changed.", code="csrf")


def _admit(asked: Request) -> Response | None:
    endpoint = asked.endpoint
    if endpoint is None or asked.routing_exception is not None:
        return None  # Flask answers 404 and 405
    rule = ACCESS[endpoint]
    if _has_a_person(rule, asked) and guards.caller().viewing is not None:
        ended = viewing.admit(rule, guards.caller(), safe=asked.method in SAFE_METHODS)
        if ended is not None:
            return ended
    if rule.kind == "key":
        _admit_key(rule, asked)
    elif rule.kind == "operator":
        _admit_operator()
    elif rule.kind != "public":
        return _admit_person(rule)
    return None


def _has_a_person(rule: Rule, asked: Request) -> bool:
    """Whether a session counts. To read a public page none does, and probes must not need the database."""
    if rule.kind == "public":
        return asked.method not in SAFE_METHODS and not asked.path.startswith(MACHINE_PREFIXES)
    return rule.kind not in {"key", "operator"}


def _admit_key(rule: Rule, asked: Request) -> None:
    caller = guards.identify_key(asked)
    guards.require_scope(caller, str(rule.scope))
    g.idempotency_owner = caller.org_id or caller.key_id
    rate.spend(caller)
    if caller.staff and caller.org_id is not None and asked.method in SAFE_METHODS:
        audit_read(caller.actor, VIEWED, caller.org_id)


def _admit_operator() -> None:
    token = runtime().settings.metrics_token
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(token.encode(), sent.encode()):
        raise NotFound("There is nothing at this address.")


def _admit_person(rule: Rule) -> Response | None:
    """Let a person in whom the rule allows. What they write is checked again in the transaction that writes it."""
    if not current_user.is_authenticated:
        return login_manager.unauthorized()  # type: ignore[no-any-return]  # Flask-Login carries no types
    caller = guards.caller()
    if rule.kind != "signed_in" and not caller.verified:
        return redirect_to("accounts.resend_verification")
    moved = reload_other_page(caller.org_id)
    if moved is not None:
        return moved
    _require(rule, caller)
    if rule.fresh_page and not login_fresh():
        step_up.set_form_page(url_for(rule.fresh_page, **(request.view_args or {})))
        return login_manager.needs_refresh()  # type: ignore[no-any-return]  # as above
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
    if caller.viewing is not None:
        viewing.require(rule, caller, safe=request.method in SAFE_METHODS)
    if rule.kind == "staff" and not caller.staff:
        raise NotFound("There is nothing at this address.")
    if rule.kind == "role" and caller.role not in rule.roles:
        yours = f"yours is {caller.role}" if caller.role else "you are not in an organisation yet"
        raise NotAllowed(f"This needs one of the roles {', '.join(sorted(rule.roles))}; {yours}.")


def _finish(response: Response) -> Response:
    asked, kept = resolve(request), resolve(g)
    headers.add(asked, "X-Request-Id", kept.get("request_id", ""))
    machine = asked.path.startswith(MACHINE_PREFIXES)
    if machine:
        rate.describe(asked, kept)
    elif asked.endpoint != "static" or response.mimetype == "text/html":  # such as the page of a 404
        for name, value in current_app.extensions[_PAGE_HEADERS_KEY].items():
            response.headers.setdefault(name, value)
    headers.set_lifetime(asked, response)
    _record_metrics(asked, response, kept.get("started"), machine=machine)
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


def _record_metrics(asked: Request, response: Response, started: float | None, *, machine: bool) -> None:
    endpoint = asked.endpoint or "none"
    ended = time.perf_counter()
    seconds = ended - (started or ended)
    _answered(endpoint, response.status_code).inc()
    _taken(endpoint).observe(seconds)
    if not machine or response.status_code >= 500:
        log.info("request", endpoint=endpoint, method=asked.method, status=response.status_code,
                 ms=round(seconds * 1000, 1))  # fmt: skip


@cache
def _answered(endpoint: str, status: int) -> Counter:
    return REQUESTS.labels(endpoint, status)


@cache
def _taken(endpoint: str) -> Histogram:
    return SECONDS.labels(endpoint)


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
