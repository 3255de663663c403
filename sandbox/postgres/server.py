"""Starts, prepares and stops an embedded PostgreSQL, reachable over a Unix socket. For development only.

`EMBEDDED_POSTGRES` selects the release: 18 (default) or 16 from the wheel, or a folder with another server's
`postgres` and `initdb`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from sandbox.postgres.cluster import (
    SHORT_FOLDER,
    EmbeddedError,
    binaries,
    clear_stale,
    identity,
    install,
    own,
    postmaster,
    socket_folder,
)

DATABASE = "tollkeeper"
OWNER = "tollkeeper_owner"
ROLES = Path(__file__).resolve().parents[2] / "migrations" / "roles.sql"
ROLE_SETTINGS = {
    "OWNER_DATABASE_URL": OWNER,
    "DATABASE_URL": "tollkeeper_web",
    "WORKER_DATABASE_URL": "tollkeeper_worker",
}
OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "300",  # two processes of tests, each with crowds
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_error_verbosity": "terse",  # DETAIL quotes the failing row
    "log_timezone": "UTC",
}
START_SECONDS = 60
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1
_left_running: list[subprocess.Popen[bytes]] = []


def url(data: Path, database: str = DATABASE, user: str = "postgres") -> str:
    """The URL of a database on the server in `data`."""
    return f"postgresql://{user}@/{database}?host={socket_folder(data)}"


def addresses(data: Path) -> dict[str, str]:
    """The database settings of the product, one role each."""
    return {name: url(data, user=role) for name, role in ROLE_SETTINGS.items()}


def is_embedded(address: str) -> bool:
    """Whether a URL, such as those in `instance/env`, points to an embedded server's socket."""
    folder = Path(address.partition("?host=")[2])
    return (folder / "PG_VERSION").exists() or folder.name.startswith(SHORT_FOLDER)


def start(data: Path) -> None:
    """Start the server unless it runs, and wait until it answers; it keeps running until `stop`."""
    if _is_ready(data):
        return
    with _lock(data):
        child = None if postmaster(data) else _spawn(data)
        if child is not None:
            _left_running.append(child)  # dropping the handle of a live child would warn
        _wait_until_ready(data, child)


def stop(data: Path) -> None:
    """Stop the server in `data` if it runs, and wait; raises `EmbeddedError` if it does not stop."""
    pid = postmaster(data)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    for _ in range(STOP_SECONDS * 50):
        if postmaster(data) is None:
            return
        time.sleep(0.02)
    raise EmbeddedError(f"PostgreSQL in {data} did not stop within {STOP_SECONDS} s.")


def serve(data: Path) -> None:
    """Replace this process by the server, until a signal or the parent's death; stops one that already runs."""
    with _lock(data):
        install(data)
        stop(data)
        clear_stale(data)
        own(socket_folder(data))
    arguments = command(data)
    user = identity()
    if user:
        os.setgroups([])
        os.setgid(user["group"])
        os.setuid(user["user"])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)  # after setuid, which would clear it
    os.chdir("/")
    os.execv(arguments[0], arguments)  # noqa: S606  # nosec B606  # fixed arguments, no shell


def prepare(data: Path) -> None:
    """Wait until the server answers; create the roles and the database, once."""
    _wait_until_ready(data, None)
    with psycopg.connect(url(data, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            return
        connection.execute(ROLES.read_bytes())
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())


def command(data: Path) -> list[str]:
    """The command line that runs the server in the foreground."""
    arguments = [str(binaries() / "postgres"), "-D", str(data.resolve()), "-k", str(socket_folder(data))]
    for name, value in OPTIONS.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments


def _spawn(data: Path) -> subprocess.Popen[bytes]:
    install(data)
    clear_stale(data)
    own(socket_folder(data))
    with data.with_name(f"{data.name}.log").open("ab") as log:
        return subprocess.Popen(command(data), stdout=log, stderr=log, start_new_session=True, cwd="/", **identity())


def _wait_until_ready(data: Path, child: subprocess.Popen[bytes] | None) -> None:
    for _ in range(START_SECONDS * 20):
        if _is_ready(data):
            return
        if child is not None and child.poll() is not None:
            raise EmbeddedError(f"PostgreSQL did not start; see {data.with_name(data.name + '.log')}")
        time.sleep(0.05)
    raise EmbeddedError(f"PostgreSQL in {data} did not answer within {START_SECONDS} s.")


def _is_ready(data: Path) -> bool:
    try:
        psycopg.connect(url(data, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _lock(data: Path) -> Iterator[None]:
    """Lock out other processes while one installs, starts or replaces the server."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_name(f".{data.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
