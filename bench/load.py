"""Runs the load generators, pgbench and wrk, and parses their result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
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
    return _number(r"Requests/sec:\s+([0-9.]+)", _wrk(address, connections, script, seconds, env))


def latencies(address: str, connections: int, script: str, **env: str) -> tuple[float, float]:
    """Return the latency that one request in a hundred exceeds, and the median, in one unit."""
    output = _wrk(address, connections, script, SECONDS, env)
    rare, usual = (re.search(rf"{percent}%\s+([0-9.]+)(us|ms|s)", output) for percent in (99, 50))
    if rare is None or usual is None:
        sys.exit(f"No latencies in:\n{output}")
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    return float(rare[1]) * units[rare[2]], float(usual[1]) * units[usual[2]]


def _wrk(address: str, connections: int, script: str | None, seconds: int, env: Mapping[str, str]) -> str:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if script is not None:
        words += ["-s", str(HERE / "lua" / script)]
    output = _run([*words, address], **env)
    if re.search(r"Non-2xx|Socket errors: (?!connect 0, read 0, write 0, timeout 0)", output):
        sys.exit(f"The portal returned errors:\n{output}")
    return output


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
