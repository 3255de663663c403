"""One map from errors to answers: problem+json under /api, a fragment for HTMX, a page for everybody else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy.exc
import structlog
from flask import Flask, Response, g, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.kit.errors import DomainError, InvalidRequest
from app.web.addresses import absolute_url
from app.web.json import encode
from app.web.problems import RETRY_SECONDS, code_of_status, problem_of
from app.web.runtime import wall_now

log = structlog.get_logger()
API_PREFIX = "/api/"
MACHINE_PREFIXES = (API_PREFIX, "/webhooks/")


def register(app: Flask) -> None:
    """Install the handlers."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(CSRFError, lambda error: answer("csrf", str(error.description)))
    app.register_error_handler(HTTPException, _http)
    for away in (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError,
                 psycopg.OperationalError):  # fmt: skip
        app.register_error_handler(away, _away)
    app.register_error_handler(Exception, _internal)


def answer(code: str, detail: str, *, errors: list[dict[str, str]] | None = None, **facts: Any) -> Response:
    """Build the answer for a code in the form that the request asks for."""
    problem = problem_of(code)
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
    if code == "invalid_key":
        response.headers["WWW-Authenticate"] = 'Bearer realm="tollkeeper"'
    return response


def _json(code: str, detail: str, errors: list[dict[str, str]] | None, facts: dict[str, Any]) -> Response:
    problem = problem_of(code)
    body: dict[str, Any] = {
        "type": absolute_url("docs.problem", code=code),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
        **{name: value for name, value in facts.items() if value is not None},
    }
    if errors:
        body["errors"] = errors
    return Response(encode(body), problem.status, content_type="application/problem+json")


def _retry_after(code: str, facts: dict[str, Any]) -> int | None:
    resets_at = facts.get("resets_at")
    if "retry_after" in facts:
        return int(facts["retry_after"])
    if isinstance(resets_at, datetime):
        return max(1, int((resets_at - wall_now()).total_seconds()))
    if problem_of(code).status == 429:
        return RETRY_SECONDS.get(code, 60)
    return RETRY_SECONDS.get(code)


def _domain(error: DomainError) -> Response:
    if isinstance(error, InvalidRequest):
        errors = [{"field": each.field, "detail": each.detail} for each in error.errors]
        return answer(error.code, error.detail, errors=errors)
    return answer(error.code, error.detail, **error.facts)


def _http(error: HTTPException) -> Response:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()  # type: ignore[return-value]  # a redirect raised by werkzeug is a Response
    response = answer(code_of_status(error.code or 500), error.description or "")
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _away(error: Exception) -> Response:
    log.warning("database away", error=type(error).__name__)
    return answer("unavailable", "The database is away. Nothing was done; send it again in a few seconds.")


def _internal(error: Exception) -> Response:
    log.error("unhandled", error=type(error).__name__, exc_info=error)
    return answer("internal", "An unexpected error. It has been logged under the request id.")
