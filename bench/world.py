"""Runs a dedicated database server with ten thousand orgs on one plan, and the portal in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from app.accounts.api_keys.key_format import hash_key, new_key
from app.settings import PROJECT
from sandbox.postgres import server as postgres

ORGS = 10_000
FOLDER = PROJECT / "instance" / "bench"
DATA = FOLDER / "postgres"
KEYS = FOLDER / "keys"
TABLES = PROJECT / "bench" / "reference" / "tables.sql"
PEPPER = "bench-pepper-0123456789-bench-pepper"
WEBHOOK_SECRET = "whsec_bench_bench_bench_bench_bench_bench"
BIN = Path(sys.executable).parent
ENV = {
    "INSTANCE": str(FOLDER),
    "SECRET_KEY": "bench-secret-0123456789-bench-secret",
    "KEY_PEPPER": PEPPER,
    **dict.fromkeys(postgres.ROLE_SETTINGS, postgres.url(DATA, user=postgres.OWNER)),
    # Nothing listens there: only receipts are measured, and nothing may be sent.
    "STRIPE_SECRET_KEY": "sk_test_benchBenchBenchBenchBench",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
}

SEED = """
INSERT INTO orgs (id, name, time_zone, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Bench ' || n, 'UTC', now()
FROM generate_series(1, %(orgs)s) n;
INSERT INTO usage_periods (org_id, starts_at, ends_at, plan_version_id, time_zone, currency, opened_at)
SELECT o.id, month, month + interval '1 month', v.id, 'UTC', 'USD', now()
FROM orgs o, date_trunc('month', now(), 'UTC') month, (SELECT id FROM plan_versions LIMIT 1) v;
INSERT INTO terms_in_force (org_id, meter_id, period_start, mentioned, policy, allowance, cap, sources)
SELECT p.org_id, m.id, p.starts_at, true, 'block', 1000000000, 1000000000, '{}' FROM usage_periods p, meters m
WHERE m.key = 'bench';
INSERT INTO org_terms (org_id, key, amount, source) SELECT id, 'limit:requests_per_minute', 100000000, 'plan' FROM orgs;
"""


@dataclass(frozen=True)
class World:
    """`url` is the owner's; `keys` are the API keys of orgs 1 to 10,000, in order."""

    url: str
    keys: list[str]
    postgres: int


@contextmanager
def world() -> Iterator[World]:
    """Create a fresh server with its orgs. It stops at the end; its data stays until the next run."""
    postgres.stop(DATA)
    shutil.rmtree(DATA, ignore_errors=True)
    postgres.start(DATA)
    postgres.prepare(DATA)
    try:
        run("flask", "--app", "wsgi", "db", "upgrade")
        run("flask", "--app", "wsgi", "catalog", "apply", str(PROJECT / "bench" / "catalog.toml"))
        url = postgres.url(DATA)
        yield World(url, _seed(url), _release(url))
    finally:
        postgres.stop(DATA)


@contextmanager
def portal() -> Iterator[str]:
    """Serve the portal with the benchmark's views as `make run` does: granian, two processes with four threads each."""
    port = free_port()
    env = {**os.environ, **ENV, "PORT": str(port)}
    with serve(BIN / "granian", "bench.server:app", PROJECT, env, port=port, health="/readyz") as base:
        yield base


@contextmanager
def serve(granian: Path, target: str, where: Path, env: Mapping[str, str], *, port: int, health: str) -> Iterator[str]:
    """Run a WSGI app in two processes with four threads each until the block ends. Ready once `health` responds."""
    words = [str(granian), "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", "--port", str(port)]
    words += ["--workers-kill-timeout", "2", "--no-log", target]
    child = subprocess.Popen(words, cwd=where, env=env, start_new_session=True)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base + health)
        yield base
    finally:
        child.terminate()
        child.wait()


def free_port() -> int:
    """A port that nothing listens on: two benches would share a fixed one, which the kernel allows for workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def org(number: int) -> UUID:
    """The id of the benchmark's org with this number, from 1."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


def run(*words: str) -> None:
    """Run a program of the virtual environment against the benchmark's installation."""
    done = subprocess.run([str(BIN / words[0]), *words[1:]], cwd=PROJECT, env={**os.environ, **ENV}, check=False,
                          capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def _seed(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT usage_partitions(now(), 2, 2)")
        for statement in SEED.split(";\n"):
            if statement.strip():
                connection.execute(statement, {"orgs": ORGS} if "%(orgs)s" in statement else None)
        connection.execute(TABLES.read_bytes())
        keys = [new_key() for _ in range(ORGS)]
        with connection.cursor().copy(
            "COPY api_keys (id, org_id, name, prefix, last4, key_hash, scopes, created_at) FROM STDIN"
        ) as copy:
            for number, key in enumerate(keys, 1):
                row = (org(number), org(number), "bench", key[:8], key[-4:], hash_key(key, PEPPER.encode()),
                       ["usage:write", "usage:read"], "2026-01-01T00:00:00Z")  # fmt: skip
                copy.write_row(row)
        connection.execute("VACUUM ANALYZE")
    KEYS.write_text("\n".join(keys), encoding="ascii")
    return keys


def _release(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10_000


def _wait(address: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except urllib.error.HTTPError as answer:
            if answer.code == 404:  # it is up: an app without a health page returns 404
                return
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{address} did not become ready.")
