"""Is this installation sound? Every check runs, each says what it found and how to mend it."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator

import psycopg
from alembic.script import ScriptDirectory

from app.kit.db import SCHEMA_STATE
from app.ops import doctor_payments
from app.ops.findings import Finding
from app.settings import PROJECT, Settings

OLDEST_SERVER = 150000
_SMTP_SECONDS = 3


Check = Callable[[psycopg.Connection, Settings], Finding]


def examine(settings: Settings) -> list[Finding]:
    """All findings at once: a database that is away hides only what asks it."""
    stripe = doctor_payments.answers(settings)
    return [*_settings(settings), *_database(settings), _smtp(settings), *([stripe] if stripe else [])]


def _settings(settings: Settings) -> Iterator[Finding]:
    kind = "sandbox: no real money, movable clock" if settings.sandbox else "production"
    yield Finding("settings", "ok", f"{kind}; address {settings.base_url}")
    if settings.metrics_token is None:
        yield Finding("metrics token", "warning", "/metrics answers nobody", "Set METRICS_TOKEN.")
    if not settings.sandbox and settings.owner_database_url == settings.database_url:
        fix = "Give OWNER_DATABASE_URL and WORKER_DATABASE_URL their own roles; see docs/operating.md."
        yield Finding("database roles", "warning", "web and owner use the same address", fix)
    yield doctor_payments.keys(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with psycopg.connect(settings.database_url, connect_timeout=3, autocommit=True) as connection:
            yield Finding("database", "ok", f"answers as {_one(connection, 'SELECT current_user')}")
            for name, check in _CHECKS.items():
                yield _guarded(name, check, connection, settings)
    except psycopg.OperationalError as error:
        yield Finding("database", "failed", str(error).strip(), settings.database_hint)


def _guarded(name: str, check: Check, connection: psycopg.Connection, settings: Settings) -> Finding:
    try:
        return check(connection, settings)
    except psycopg.Error as error:
        return Finding(name, "failed", str(error).strip().splitlines()[0], "Run: flask db upgrade")


def _version(connection: psycopg.Connection, _: Settings) -> Finding:
    number = int(str(_one(connection, "SHOW server_version_num")))
    shown = str(_one(connection, "SHOW server_version"))
    if number < OLDEST_SERVER:
        return Finding("version", "failed", f"PostgreSQL {shown}", "Use PostgreSQL 15 or newer.")
    return Finding("version", "ok", f"PostgreSQL {shown}")


def _migrations(connection: psycopg.Connection, _: Settings) -> Finding:
    head = ScriptDirectory(str(PROJECT / "migrations")).get_current_head()
    found = _one(connection, SCHEMA_STATE)
    if found != head:
        return Finding("migrations", "failed", f"at {found}, the code is at {head}", "Run: flask db upgrade")
    return Finding("migrations", "ok", f"at {head}")


def _durable(connection: psycopg.Connection, _: Settings) -> Finding:
    found = {
        name: str(_one(connection, f"SHOW {name}")) for name in ("fsync", "synchronous_commit", "full_page_writes")
    }
    off = [name for name, value in found.items() if value == "off"]
    if off:
        fix = "Set them to on: an acknowledged event must survive a power cut."
        return Finding("durability", "failed", f"{', '.join(off)} off", fix)
    return Finding("durability", "ok", ", ".join(f"{name} {value}" for name, value in found.items()))


def _privileges(connection: psycopg.Connection, settings: Settings) -> Finding:
    if not _one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return Finding("privileges", "ok", "the web's role is no superuser")
    if settings.sandbox:
        return Finding("privileges", "warning", "the sandbox runs as superuser", "In production use tollkeeper_web.")
    fix = "Connect as a role that owns nothing; a superuser passes every guard of the usage tables."
    return Finding("privileges", "failed", "the web's role is a superuser", fix)


def _queue(connection: psycopg.Connection, _: Settings) -> Finding:
    failed = _one(connection, "SELECT count(*) FROM queue_jobs WHERE status = 'failed'")
    waiting = _one(connection, "SELECT count(*) FROM queue_jobs WHERE status = 'todo'")
    words = f"{waiting} waiting, {failed} parked"
    if failed:
        return Finding("queue", "warning", words, "See why they failed in the worker's log.")
    return Finding("queue", "ok", words)


def _catalogue(connection: psycopg.Connection, _: Settings) -> Finding:
    meters = _one(connection, "SELECT count(*) FROM catalog_meters WHERE archived_at IS NULL")
    plans = _one(connection, "SELECT count(*) FROM catalog_versions WHERE published_at IS NOT NULL")
    if not meters or not plans:
        return Finding("catalogue", "failed", "empty", "Run: flask catalog apply catalogs/scan_api.toml")
    return Finding("catalogue", "ok", f"{meters} meters, {plans} published plan versions")


def _default_plan(connection: psycopg.Connection, _: Settings) -> Finding:
    found = _one(connection, "SELECT plan_key FROM catalog_default_version")
    if found is None:
        return Finding("default plan", "failed", "none", "Mark one plan of the catalogue with default = true.")
    return Finding("default plan", "ok", str(found))


_CHECKS: dict[str, Check] = {
    "version": _version,
    "migrations": _migrations,
    "durability": _durable,
    "privileges": _privileges,
    "queue": _queue,
    "catalogue": _catalogue,
    "default plan": _default_plan,
    "stripe prices": doctor_payments.prices,
    "stripe inbox": doctor_payments.inbox,
}


def _smtp(settings: Settings) -> Finding:
    place = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_SMTP_SECONDS) as server:
            server.noop()
    except OSError as error:
        fix = "Start the mail server, or mend SMTP_HOST and SMTP_PORT. Mail waits in its outbox until then."
        return Finding("mail", "warning" if settings.sandbox else "failed", f"{place}: {error}", fix)
    return Finding("mail", "ok", f"{place} answers")


def _one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
