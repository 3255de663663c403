"""Keeps processes running: restarts those that die, and leaves none behind when it stops.

Every process leads its own group, so that Ctrl-C reaches only us and so that what a killed leader leaves behind (a web
server's workers, which hold the port) can be ended before the restart. If we are killed, the kernel signals them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PAUSE = 1.0  # seconds between restarts of a process that dies at once
PATIENCE = 10.0  # seconds to wait for a process to stop before killing it
PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """A command to run; `stop_signal` asks it to stop."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    child: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self) -> None:
        """Start the process, with its output going to its log."""
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  (we have one thread)
            )

    def send(self, signum: signal.Signals) -> None:
        """Signal the whole group, which may outlive its leader."""
        if self.child is not None:
            try:
                os.killpg(self.child.pid, signum)
            except (ProcessLookupError, PermissionError):
                return


class Supervisor:
    """Holds processes in the order of their start; `stop` ends them in reverse order."""

    def __init__(self, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        self.say = say
        self.patience = patience
        self.processes: list[Process] = []

    def add(self, process: Process) -> None:
        """Start the process; `restart_dead` keeps it running."""
        self.processes.append(process)
        process.start()

    def restart_dead(self) -> None:
        """Restart processes that have died; call it several times a second."""
        for process in self.processes:
            if process.child is None or process.child.poll() is None:
                continue
            if time.monotonic() - process.started < PAUSE:
                continue
            process.send(signal.SIGKILL)
            self.say(f"{process.name} exited with {process.child.returncode}; restarting it, see {process.log}")
            process.start()

    def stop(self) -> None:
        """Stop every process and return when none is left."""
        for process in reversed(self.processes):
            if process.child is None:
                continue
            if process.child.poll() is None:
                process.child.send_signal(process.stop_signal)
                try:
                    process.child.wait(self.patience)
                except subprocess.TimeoutExpired:
                    self.say(f"{process.name} did not stop within {self.patience:g} s and was killed")
            process.send(signal.SIGKILL)
            process.child.wait()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
