"""Keeps a few processes up: one that dies is started again at once, and a stop leaves none behind.

Each process leads a group of its own, so that Ctrl-C reaches only us, and so that what a killed leader leaves
(a web server's workers, holding the port) is ended before the next start. If we are killed, the kernel tells them.
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

PAUSE = 1.0  # a process that dies at once is started at most once in so many seconds
PATIENCE = 10.0  # how long a process may take to stop before it is killed
PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """What to run; `stop_signal` asks it to end."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    child: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self) -> None:
        """Start it, its words going to its log."""
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

    def send(self, sent: signal.Signals) -> None:
        """Signal the whole group, which may live on without its leader."""
        if self.child is not None:
            try:
                os.killpg(self.child.pid, sent)
            except (ProcessLookupError, PermissionError):
                return


class Supervisor:
    """Holds processes in the order of their start; `stop` ends them in the opposite order."""

    def __init__(self, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        self.say = say
        self.patience = patience
        self.processes: list[Process] = []

    def add(self, process: Process) -> None:
        """Start it, and keep it up from the next `tend` on."""
        self.processes.append(process)
        process.start()

    def tend(self) -> None:
        """Start again what has died; call it several times a second."""
        for process in self.processes:
            if process.child is None or process.child.poll() is None:
                continue
            if time.monotonic() - process.started < PAUSE:
                continue
            process.send(signal.SIGKILL)
            self.say(f"{process.name} ended ({process.child.returncode}); starting it again, see {process.log}")
            process.start()

    def stop(self) -> None:
        """End all of it; returns when no process is left."""
        for process in reversed(self.processes):
            if process.child is None:
                continue
            if process.child.poll() is None:
                process.child.send_signal(process.stop_signal)
                try:
                    process.child.wait(self.patience)
                except subprocess.TimeoutExpired:
                    self.say(f"{process.name} did not stop within {self.patience:g} s and is killed")
            process.send(signal.SIGKILL)
            process.child.wait()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
