"""Maps errors to responses: problem+json under /api, a fragment for HTMX, a page otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy.exc
import structlog
from flask import Flask, Response, g, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.kit.errors import DomainError, InvalidRequest, OutcomeUnknown, Unavailable
from app.kit.postgres.lost_answers import UNKNOWN, explain
from app.web.addresses import absolute_url
from app.web.database import is_maybe_done
from app.web.json import encode
from app.web.problems import RETRY_SECONDS, code_for_status, get_problem_type
from app.web.runtime import wall_now

log = structlog.get_logger()
API_PREFIX = "/api/"
MACHINE_PREFIXES = (API_PREFIX, "/webhooks/")


def register(app: Flask) -> None:
    """Install the error handlers."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(CSRFError, lambda error: respond("csrf", str(error.description)))
    app.register_error_handler(HTTPException, _http)
    for lost in (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError,
                 psycopg.OperationalError):  # fmt: skip
        app.register_error_handler(lost, _database_lost)
    app.register_error_handler(Exception, _internal)


def respond(code: str, detail: str, *, errors: list[dict[str, str]] | None = None, **facts: Any) -> Response:
    """Build the response for an error code in the format that the request expects."""
    problem = get_problem_type(code)
    if request.path.startswith(MACHINE_PREFIXES):
        response = _json(code, detail, errors, facts)
    else:
        template = "errors/_fragment.html" if request.headers.get("HX-Request") else "errors/error.html"
        page = render_template(
            template, status=problem.status, title=problem.title, detail=detail, advice=problem.advice, code=code,
            request_id=g.get("request_id", ""), facts=facts,
        )  # fmt: skip
        response = Response(page, problem.status, content_type="text/html; charset=utf-8")
    wait = _retry_after(code, facts)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    if code == "unsupported_encoding":
        response.headers["Accept-Encoding"] = "gzip"  # RFC 7694
    if code == "invalid_key":
        response.headers["WWW-Authenticate"] = 'Bearer realm="tollkeeper"'
    return response


def _json(code: str, detail: str, errors: list[dict[str, str]] | None, facts: dict[str, Any]) -> Response:
    problem = get_problem_type(code)
    body: dict[str, Any] = {
        "type": absolute_url("docs.problem", code=code),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
        # a limit that never resets says so
        **{name: value for name, value in facts.items() if value is not None or name == "resets_at"},
    }
    if errors:
        body["errors"] = errors
    return Response(encode(body), problem.status, content_type="application/problem+json")


def _retry_after(code: str, facts: dict[str, Any]) -> int | None:
    resets_at = facts.get("resets_at")
    if "retry_after" in facts:
        return None if facts["retry_after"] is None else int(facts["retry_after"])
    if isinstance(resets_at, datetime):
        return max(1, int((resets_at - wall_now()).total_seconds()))
    if get_problem_type(code).status == 429:
        return RETRY_SECONDS.get(code, 60)
    return RETRY_SECONDS.get(code)


def _domain(error: DomainError) -> Response:
    if isinstance(error, Unavailable) and isinstance(error.__cause__, psycopg.Error | sqlalchemy.exc.DBAPIError):
        return _database_failed(error, type(error.__cause__).__name__)
    if isinstance(error, InvalidRequest):
        errors = [{"field": field.field, "detail": field.detail} for field in error.errors]
        return respond(error.code, error.detail, errors=errors)
    return respond(error.code, error.detail, **error.facts)


def _http(error: HTTPException) -> Response:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()  # type: ignore[return-value]  # a redirect raised by Werkzeug is a Response
    response = respond(code_for_status(error.code or 500), error.description or "")
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _database_lost(error: Exception) -> Response:
    return _database_failed(explain(error), type(error).__name__)


def _database_failed(failure: Unavailable, name: str) -> Response:
    """What was done before the failure counts: then nobody can say that nothing was."""
    told = OutcomeUnknown(UNKNOWN) if is_maybe_done() else failure
    log.warning("database failed", error=name, told=told.code)
    return respond(told.code, told.detail)


def _internal(error: Exception) -> Response:
    log.error("unhandled", error=type(error).__name__, exc_info=error)
    return respond("internal", "An unexpected error occurred. It has been logged under the request id.")
