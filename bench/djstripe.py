"""Runs dj-stripe next to the portal: in its own environment, with the same database and the same server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

from psycopg.conninfo import conninfo_to_dict

from app.settings import PROJECT
from bench.world import ENV, FOLDER, World, free_port, serve

SITE = PROJECT / "bench" / "reference" / "djstripe"
HOME = FOLDER / "djstripe"
ENDPOINT = str(uuid4())
TARGET = f"/stripe/webhook/{ENDPOINT}/"


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve dj-stripe with as many processes and threads as the portal, and yield its address."""
    prepare(world.url)
    env = environment(world.url)
    with serve(HOME / "bin" / "granian", "wsgi:application", SITE, env, port=free_port(), health="/") as base:
        yield base


@cache
def prepare(url: str) -> None:
    """Install dj-stripe once, and create its tables once per benchmark database."""
    python, installed = HOME / "bin" / "python", HOME / "requirements.txt"
    pinned = (SITE / "requirements.txt").read_bytes()
    if not installed.exists() or installed.read_bytes() != pinned:
        print("     installing dj-stripe ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(HOME)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(SITE / "requirements.txt")])
        installed.write_bytes(pinned)
    _run([str(python), "prepare.py"], environment(url))


def environment(url: str) -> dict[str, str]:
    """The environment variables for its settings: the portal's, plus the database address and the endpoint."""
    place = conninfo_to_dict(url)
    named = {"host": "BENCH_HOST", "port": "BENCH_PORT", "dbname": "BENCH_DATABASE", "user": "BENCH_USER"}
    database = {name: str(place.get(key) or "") for key, name in named.items()}
    return {**os.environ, **ENV, **database, "DJANGO_SETTINGS_MODULE": "settings", "BENCH_ENDPOINT": ENDPOINT}


def _run(words: list[str], env: dict[str, str] | None = None, where: Path = SITE) -> None:
    done = subprocess.run(words, cwd=where, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
