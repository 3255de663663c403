"""Where a run lives: its folder, its three ports, and the environment its processes get."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
WEB_PROCESSES = 2


class RunError(Exception):
    """The run cannot start; the words say why and what to do."""


@dataclass(frozen=True)
class Place:
    """The portal's port (the mailbox page has the next, its SMTP the one after), and the folder that holds all data."""

    port: int
    instance: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Place:
        """Read PORT and INSTANCE; raises `RunError` when PORT is none."""
        text = env.get("PORT") or "5000"
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_533):
            raise RunError(f"PORT is a number from 1 to 65533, not {text!r}.")
        return cls(int(text), Path(env.get("INSTANCE") or PROJECT / "instance").resolve())

    @property
    def portal(self) -> str:
        """The portal's address."""
        return f"http://{HOST}:{self.port}"

    @property
    def mailbox(self) -> str:
        """The mailbox page's address."""
        return f"http://{HOST}:{self.port + 1}"

    @property
    def smtp_port(self) -> int:
        """Where the portal hands over its mail."""
        return self.port + 2

    def log(self, name: str) -> Path:
        """The log of one process; the one of the run before is kept beside it, as `.old`."""
        return self.instance / "log" / f"{name}.log"

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """What every process is told, before the database's addresses."""
        return {
            **env,
            "TOLLKEEPER_ENV": "sandbox",
            "INSTANCE": str(self.instance),
            "PORT": str(self.port),
            "BASE_URL": self.portal,
            "MAILBOX_URL": self.mailbox,
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.smtp_port),
            "WEB_PROCESSES": str(WEB_PROCESSES),
            "PYTHONUNBUFFERED": "1",
        }

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the folder for this run, its ports being free; raises `RunError` where another holds one of them."""
        self.log("any").parent.mkdir(parents=True, exist_ok=True)
        with (self.instance / "run.lock").open("a", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Another run uses {self.instance}. Stop it, or choose another folder: INSTANCE=folder make run"
                ) from None
            for port in (self.port, self.port + 1, self.port + 2):
                self._look(port)
            for log in (self.instance / "log").glob("*.log"):
                log.replace(log.with_suffix(".old"))
            yield

    def _look(self, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as refused:
                raise RunError(
                    f"Port {port} cannot be used ({os.strerror(refused.errno or 0)}). "
                    f"This run needs {self.port} to {self.port + 2}; choose another: PORT=5100 make run"
                ) from None
