"""One long-running program for all processes of a test run, such as the installation that browser tests share.

Whoever uses it holds `users.lock` shared. The first user starts a keeper, which starts the program and ends it as soon
as it can hold that lock alone: every user has left, or was killed, since the kernel frees the locks of the dead. So no
count can go wrong, and nothing is left running by a run that crashed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOOK_SECONDS = 0.2
STOP_SECONDS = 40


@dataclass
class Use:
    """One process's use of the program; `last` is true after it left as the last one and ended the program."""

    last: bool = False


@contextmanager
def using(folder: Path, start: Callable[[], None]) -> Iterator[Use]:
    """Use the program of `folder`; `start`, which calls `keep`, is called when it does not run."""
    folder.mkdir(parents=True, exist_ok=True)
    use = Use()
    with (folder / "users.lock").open("w") as users:
        with locked(folder / "door.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is about to end
            if not is_kept(folder):
                start()
        yield use
        with locked(folder / "door.lock"):
            if _take(users, fcntl.LOCK_EX):
                _end(folder)
                use.last = True


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Use what is shared beside others, or `alone`, with nobody else. Whoever waits longest goes next."""
    with (folder / "turn.lock").open("w") as turns:
        with locked(folder / "queue.lock"):
            fcntl.flock(turns, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep(folder: Path, command: list[str], env: Mapping[str, str], log: Path) -> None:
    """Start the program under a keeper; its words go to `log`. Returns once the keeper keeps, not once it is ready."""
    with log.open("wb") as words:
        keeper = [sys.executable, "-m", "tests.support.shared_program", str(folder), *command]
        subprocess.run(keeper, env=env, stdin=subprocess.DEVNULL, stdout=words, stderr=words, check=True)


def is_kept(folder: Path) -> bool:
    """Whether a keeper is there."""
    with (folder / "keeper.lock").open("a") as file:
        return not _take(file, fcntl.LOCK_EX)


def _end(folder: Path) -> None:
    if is_kept(folder):
        os.kill(int((folder / "keeper.pid").read_text(encoding="ascii")), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS + 5
    while is_kept(folder):
        if time.monotonic() > deadline:
            raise TimeoutError(f"what runs in {folder} did not stop within {STOP_SECONDS} s")
        time.sleep(0.05)


def _take(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _main(folder: Path, command: list[str]) -> None:
    """Keep the program, in a process of its own that no Ctrl-C of the terminal reaches."""
    kept = (folder / "keeper.lock").open("a")  # held until this process ends
    fcntl.flock(kept, fcntl.LOCK_EX)
    if os.fork():
        return
    os.setsid()
    (folder / "keeper.pid").write_text(str(os.getpid()), encoding="ascii")
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    child = subprocess.Popen(command, start_new_session=True)
    with (folder / "users.lock").open("w") as users:
        while child.poll() is None and not told and not _abandoned(folder, users):
            time.sleep(LOOK_SECONDS)
        child.send_signal(signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


def _abandoned(folder: Path, users: IO[str]) -> bool:
    """Whether no user is left; then none comes before this process has ended. Nobody comes or goes while it looks."""
    with (folder / "door.lock").open("w") as door:
        return _take(door, fcntl.LOCK_EX) and _take(users, fcntl.LOCK_EX)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
