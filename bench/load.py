"""Runs the load generators, pgbench and wrk, and parses their result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from sandbox.postgres.cluster import binaries

HERE = Path(__file__).resolve().parent
SECONDS = 4


def pgbench(url: str, script: str, clients: int, **values: int) -> float:
    """Return the transactions per second of a script in `bench/reference`."""
    words = [str(binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(SECONDS)]
    words += [word for name, value in values.items() for word in ("-D", f"{name}={value}")]
    # The same planner settings as on the product's own connections.
    output = _run(
        [*words, "-f", str(HERE / "reference" / script), url],
        PGOPTIONS="-c plan_cache_mode=force_generic_plan -c enable_seqscan=off",
    )
    return _number(r"tps = ([0-9.]+)", output)


def wrk(address: str, connections: int, script: str | None = None, *, seconds: int = SECONDS, **env: str) -> float:
    """Return the requests per second. Exits on any response other than 2xx."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if script is not None:
        words += ["-s", str(HERE / "lua" / script)]
    output = _run([*words, address], **env)
    if re.search(r"Non-2xx|Socket errors: (?!connect 0, read 0, write 0, timeout 0)", output):
        sys.exit(f"The portal returned errors:\n{output}")
    return _number(r"Requests/sec:\s+([0-9.]+)", output)


def _run(words: list[str], **env: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **env}, cwd=HERE)
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"No figure in:\n{text}")
    return float(match[1])
