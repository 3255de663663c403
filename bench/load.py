"""The load generators, pgbench and wrk, and the one number that is read from each."""

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
    """Transactions a second of a script of `bench/reference`."""
    words = [str(binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(SECONDS)]
    words += [word for name, value in values.items() for word in ("-D", f"{name}={value}")]
    # Plans as on the product's own connections.
    told = _run(
        [*words, "-f", str(HERE / "reference" / script), url],
        PGOPTIONS="-c plan_cache_mode=force_generic_plan -c enable_seqscan=off",
    )
    return _number(r"tps = ([0-9.]+)", told)


def wrk(address: str, connections: int, script: str | None = None, *, seconds: int = SECONDS, **env: str) -> float:
    """Requests a second with 2xx answers only; any other answer stops the bench."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if script is not None:
        words += ["-s", str(HERE / "lua" / script)]
    told = _run([*words, address], **env)
    if re.search(r"Non-2xx|Socket errors: (?!connect 0, read 0, write 0, timeout 0)", told):
        sys.exit(f"The portal answered with errors:\n{told}")
    return _number(r"Requests/sec:\s+([0-9.]+)", told)


def _run(words: list[str], **env: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **env}, cwd=HERE)
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"No figure in:\n{text}")
    return float(found[1])
