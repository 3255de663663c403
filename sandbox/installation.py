"""Where one run keeps its data, which ports it takes, and the environment of its processes."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
WEB_PROCESSES = 2
DATABASES = ("DATABASE_URL", "OWNER_DATABASE_URL", "WORKER_DATABASE_URL")


class RunError(Exception):
    """The run cannot start; the words say why and what to do."""


@dataclass(frozen=True)
class Installation:
    """The portal's port and the folder that holds all data.

    The mailbox page has the next port, its SMTP the one after, the stand-in for Stripe the third.
    """

    port: int
    instance: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Installation:
        """Read PORT and INSTANCE; raises `RunError` when PORT is none."""
        text = env.get("PORT") or "5000"
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_532):
            raise RunError(f"PORT is a number from 1 to 65532, not {text!r}.")
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

    @property
    def stripe_port(self) -> int:
        """Where the stand-in for Stripe listens."""
        return self.port + 3

    @property
    def stripe(self) -> str:
        """The stand-in's address: its API, its hosted pages and its page of switches."""
        return f"http://{HOST}:{self.stripe_port}"

    @property
    def webhook(self) -> str:
        """Where the stand-in sends its events."""
        return f"{self.portal}/webhooks/stripe"

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

    def stripe_settings(self) -> dict[str, str]:
        """What the product is told of Stripe: the stand-in, with a key and a webhook secret made once for this folder.

        A real key in the caller's environment gives way: nothing of a sandbox goes out.
        """
        return {
            "STRIPE_SECRET_KEY": self._ensure_secret("stripe_secret_key", "sk_test_"),
            "STRIPE_WEBHOOK_SECRETS": self._ensure_secret("stripe_webhook_secret", "whsec_"),
            "STRIPE_API_BASE": self.stripe,
            "STRIPE_PAGE_HOSTS": self.stripe,
            "STRIPE_ACCOUNT": "",
        }

    def write_env_file(self, env: Mapping[str, str]) -> None:
        """Keep the settings of this run, so that commands in a shell work on it after `. instance/env`."""
        names = {*self.environment({}), *self.stripe_settings(), *DATABASES} & env.keys()
        lines = [f"export {name}={shlex.quote(env[name])}\n" for name in sorted(names)]
        self._write("env", "".join(lines))

    def _ensure_secret(self, name: str, prefix: str) -> str:
        if not (self.instance / name).exists():
            self._write(name, prefix + secrets.token_hex(16))
        return (self.instance / name).read_text(encoding="ascii").strip()

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, and readable by its owner alone from its first byte on: it holds a secret."""
        new = self.instance / f"{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(self.instance / name)

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
            for port in range(self.port, self.port + 4):
                self._check_port(port)
            for log in (self.instance / "log").glob("*.log"):
                log.replace(log.with_suffix(".old"))
            yield

    def _check_port(self, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as refused:
                raise RunError(
                    f"Port {port} cannot be used ({os.strerror(refused.errno or 0)}). "
                    f"This run needs {self.port} to {self.port + 3}; choose another: PORT=5100 make run"
                ) from None
