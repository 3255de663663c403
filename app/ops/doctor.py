"""Checks the installation. Every check runs; every finding says what is wrong and how to fix it."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
from alembic.script import ScriptDirectory

from app.kit.db import SCHEMA_STATE
from app.kit.postgres.connections import connect
from app.kit.postgres.privileges import EXCESS_RIGHTS, name_excess_rights
from app.ops import doctor_payments
from app.ops.findings import Finding
from app.settings import PROJECT, Settings

OLDEST_SERVER = 150000
_SMTP_SECONDS = 3
_STATEMENT_LIMIT = timedelta(seconds=30)
_SCHEDULER_LATE = timedelta(minutes=2)
_HEARTBEAT = """
SELECT extract(epoch FROM now() - least(worker_at, scheduler_at))::bigint, now() - least(worker_at, scheduler_at) > %s
FROM queue_heartbeat WHERE worker_at IS NOT NULL AND scheduler_at IS NOT NULL
"""


Check = Callable[[psycopg.Connection, Settings], Finding]


def run_checks(settings: Settings) -> list[Finding]:
    """Run every check: an unreachable database hides only the checks that need it."""
    stripe = doctor_payments.check_connection(settings)
    return [*_settings(settings), *_database(settings), _smtp(settings), *([stripe] if stripe else [])]


def _settings(settings: Settings) -> Iterator[Finding]:
    kind = "sandbox: no real money, movable clock" if settings.sandbox else "production"
    yield Finding("settings", "ok", f"{kind}; address {settings.base_url}")
    if settings.metrics_token is None:
        yield Finding("metrics token", "warning", "/metrics is closed to everyone", "Set METRICS_TOKEN.")
    if not settings.sandbox and settings.owner_database_url == settings.database_url:
        fix = "Give OWNER_DATABASE_URL and WORKER_DATABASE_URL roles of their own; see docs/operating.md."
        yield Finding("database roles", "warning", "web and owner use the same database address", fix)
    if not settings.sandbox and settings.trusted_proxies == 0:
        fix = "Start the proxy of docs/deploy/nginx.conf and set TRUSTED_PROXIES=1."
        yield Finding("proxy", "warning", "none: requests that never finish can stop the portal", fix)
    yield doctor_payments.check_keys(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with connect(settings.database_url, _STATEMENT_LIMIT, autocommit=True) as connection:
            yield Finding("database", "ok", f"connected as {_fetch_value(connection, 'SELECT current_user')}")
            for name, check in _CHECKS.items():
                yield _run_check(name, check, connection, settings)
    except psycopg.OperationalError as error:
        yield Finding("database", "failed", str(error).strip(), settings.database_hint)


def _run_check(name: str, check: Check, connection: psycopg.Connection, settings: Settings) -> Finding:
    try:
        return check(connection, settings)
    except psycopg.Error as error:
        return Finding(name, "failed", str(error).strip().splitlines()[0], "Run: flask db upgrade")


def _version(connection: psycopg.Connection, _: Settings) -> Finding:
    number = int(str(_fetch_value(connection, "SHOW server_version_num")))
    shown = str(_fetch_value(connection, "SHOW server_version"))
    if number < OLDEST_SERVER:
        return Finding("version", "failed", f"PostgreSQL {shown}", "Use PostgreSQL 15 or newer.")
    return Finding("version", "ok", f"PostgreSQL {shown}")


def _migrations(connection: psycopg.Connection, _: Settings) -> Finding:
    head = ScriptDirectory(str(PROJECT / "migrations")).get_current_head()
    current = _fetch_value(connection, SCHEMA_STATE)
    if current != head:
        return Finding("migrations", "failed", f"at {current}, the code is at {head}", "Run: flask db upgrade")
    return Finding("migrations", "ok", f"at {head}")


def _durable(connection: psycopg.Connection, _: Settings) -> Finding:
    values = {
        name: str(_fetch_value(connection, f"SHOW {name}"))
        for name in ("fsync", "synchronous_commit", "full_page_writes")
    }
    off = [name for name, value in values.items() if value == "off"]
    if off:
        fix = "Set them to on: an acknowledged event must survive a power cut."
        return Finding("durability", "failed", f"{', '.join(off)} off", fix)
    return Finding("durability", "ok", ", ".join(f"{name} {value}" for name, value in values.items()))


def _privileges(connection: psycopg.Connection, settings: Settings) -> Finding:
    excess = name_excess_rights(connection.execute(EXCESS_RIGHTS).fetchone() or ("", False, False))
    if not excess:
        return Finding("privileges", "ok", "the web role is neither a superuser nor owner of the tables")
    if settings.sandbox:
        return Finding("privileges", "warning", excess[0], "In production, use tollkeeper_web.")
    fix = "Set DATABASE_URL to a role that owns nothing, such as tollkeeper_web: nothing binds this one."
    return Finding("privileges", "failed", excess[0], fix)


def _scheduler(connection: psycopg.Connection, settings: Settings) -> Finding:
    row = connection.execute(_HEARTBEAT, (_SCHEDULER_LATE,)).fetchone()
    seconds, late = row or (None, True)
    fix = "Start the worker, python -m app.worker; if one runs, its log says what stops it."
    if seconds is None:
        return Finding("scheduler", "warning", "no worker has started yet", fix)
    detail = f"last heartbeat {seconds} s ago"
    if late:
        return Finding("scheduler", "warning" if settings.sandbox else "failed", detail, fix)
    return Finding("scheduler", "ok", detail)


def _queue(connection: psycopg.Connection, _: Settings) -> Finding:
    failed = _fetch_value(connection, "SELECT count(*) FROM queue_jobs WHERE status = 'failed'")
    waiting = _fetch_value(connection, "SELECT count(*) FROM queue_jobs WHERE status = 'todo'")
    detail = f"{waiting} waiting, {failed} parked"
    if failed:
        return Finding("queue", "warning", detail, "The worker's log says why they failed.")
    return Finding("queue", "ok", detail)


def _catalogue(connection: psycopg.Connection, _: Settings) -> Finding:
    meters = _fetch_value(connection, "SELECT count(*) FROM catalog_meters WHERE archived_at IS NULL")
    plans = _fetch_value(connection, "SELECT count(*) FROM catalog_versions WHERE published_at IS NOT NULL")
    if not meters or not plans:
        return Finding("catalogue", "failed", "empty", "Run: flask catalog apply catalogs/scan_api.toml")
    return Finding("catalogue", "ok", f"{meters} meters, {plans} published plan versions")


def _default_plan(connection: psycopg.Connection, _: Settings) -> Finding:
    key = _fetch_value(connection, "SELECT plan_key FROM catalog_default_version")
    if key is None:
        return Finding("default plan", "failed", "none", "Mark one plan of the catalogue with default = true.")
    return Finding("default plan", "ok", str(key))


_CHECKS: dict[str, Check] = {
    "version": _version,
    "migrations": _migrations,
    "durability": _durable,
    "privileges": _privileges,
    "scheduler": _scheduler,
    "queue": _queue,
    "catalogue": _catalogue,
    "default plan": _default_plan,
    "stripe prices": doctor_payments.check_prices,
    "stripe subscriptions": doctor_payments.check_subscriptions,
    "plan changes": doctor_payments.check_changes,
    "second subscriptions": doctor_payments.check_seconds,
    "stripe inbox": doctor_payments.check_inbox,
}


def _smtp(settings: Settings) -> Finding:
    address = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_SMTP_SECONDS) as server:
            server.noop()
    except OSError as error:
        fix = "Start the mail server, or correct SMTP_HOST and SMTP_PORT. Mail waits in the outbox until then."
        return Finding("mail", "warning" if settings.sandbox else "failed", f"{address}: {error}", fix)
    return Finding("mail", "ok", f"{address} answers")


def _fetch_value(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
