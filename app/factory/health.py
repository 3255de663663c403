"""Liveness, readiness and metrics, for load balancers and Prometheus."""

from __future__ import annotations

from functools import cache

import psycopg
import sqlalchemy.exc
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text

from app.kit.db import SCHEMA_STATE
from app.kit.postgres.privileges import EXCESS_RIGHTS, name_excess_rights
from app.payments.webhooks import inbox
from app.settings import PROJECT
from app.web.database import discard_failed_transaction, session
from app.web.runtime import runtime

pages = Blueprint("health", __name__)
INBOX = Gauge("tollkeeper_stripe_inbox_events", "Stripe events that are waiting or need attention", ["state"])


@pages.get("/healthz")
def healthz() -> Response:
    """Alive: the process answers. Does not touch the database."""
    return jsonify(status="alive")


@pages.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Ready: the database answers, its schema is current, the queue's tables exist, and our role owns nothing."""
    checks = {"database": False, "migrations": False, "queue": False, "role": False}
    try:
        row = session().execute(text(SCHEMA_STATE)).one()
        excess = name_excess_rights(session().execute(text(EXCESS_RIGHTS)).one())
        role = runtime().settings.sandbox or not excess
        checks = {"database": True, "migrations": row[0] == head(), "queue": bool(row[1]), "role": role}
    except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error):
        discard_failed_transaction()
    ready = all(checks.values())
    response = jsonify(status="ready" if ready else "not ready", checks=checks)
    if not ready:
        response.headers["Retry-After"] = "2"
    return response, 200 if ready else 503


@pages.get("/metrics")
def metrics() -> Response:
    """Counters of the process in Prometheus text format, and the inbox gauge; requires the operator's token."""
    try:
        counts = inbox.count_unsettled(session())
        for state in inbox.UNSETTLED:
            INBOX.labels(state).set(counts.get(state, 0))
    except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error):
        discard_failed_transaction()
        INBOX.clear()  # better no number than a stale one
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@cache
def head() -> str | None:
    """The newest migration in the code."""
    return ScriptDirectory(str(PROJECT / "migrations")).get_current_head()
