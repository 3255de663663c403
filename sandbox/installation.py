"""A run's data folder, ports and process environment."""

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

from sandbox.private_folder import make_private

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
WEB_PROCESSES = 2
DATABASES = ("DATABASE_URL", "OWNER_DATABASE_URL", "WORKER_DATABASE_URL")


class RunError(Exception):
    """The run cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Installation:
    """The portal's port, and the folder that holds all data.

    The following three ports are the mailbox page, its SMTP server and the Stripe stand-in.
    """

    port: int
    instance: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Installation:
        """Read PORT and INSTANCE; raises `RunError` if PORT is invalid."""
        text = env.get("PORT") or "5000"
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_532):
            raise RunError(f"PORT must be a number from 1 to 65532, not {text!r}.")
        return cls(int(text), Path(env.get("INSTANCE") or PROJECT / "instance").resolve())

    @property
    def portal(self) -> str:
        """The portal's URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def mailbox(self) -> str:
        """The mailbox page's URL."""
        return f"http://{HOST}:{self.port + 1}"

    @property
    def smtp_port(self) -> int:
        """The port to which the portal sends its email."""
        return self.port + 2

    @property
    def stripe_port(self) -> int:
        """The port of the Stripe stand-in."""
        return self.port + 3

    @property
    def stripe(self) -> str:
        """The stand-in's base URL: API, hosted pages and control page."""
        return f"http://{HOST}:{self.stripe_port}"

    @property
    def webhook(self) -> str:
        """The URL to which the stand-in sends its events."""
        return f"{self.portal}/webhooks/stripe"

    def log(self, name: str) -> Path:
        """The log file of a process; the previous run's is kept as `.old`."""
        return self.instance / "log" / f"{name}.log"

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of every process, without the database URLs."""
        return {
            **env,
            "TOLLKEEPER_ENV": "sandbox",
            "INSTANCE": str(self.instance),
            "PORT": str(self.port),
            "BASE_URL": self.portal,
            "MAILBOX_URL": self.mailbox,
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.smtp_port),
            "PYTHONUNBUFFERED": "1",
        }

    def stripe_settings(self) -> dict[str, str]:
        """The product's Stripe settings: the stand-in, with a key and webhook secret generated once for this folder.

        They replace a real key in the caller's environment: a sandbox must not reach the real Stripe.
        """
        return {
            "STRIPE_SECRET_KEY": self._ensure_secret("stripe_secret_key", "sk_test_"),
            "STRIPE_WEBHOOK_SECRETS": self._ensure_secret("stripe_webhook_secret", "whsec_"),
            "STRIPE_API_BASE": self.stripe,
            "STRIPE_PAGE_HOSTS": self.stripe,
            "STRIPE_ACCOUNT": "",
        }

    def write_env_file(self, env: Mapping[str, str]) -> None:
        """Write the run's settings to `instance/env`, so that a shell can source them and run commands."""
        names = {*self.environment({}), *self.stripe_settings(), *DATABASES} & env.keys()
        lines = [f"export {name}={shlex.quote(env[name])}\n" for name in sorted(names)]
        self._write("env", "".join(lines))

    def _ensure_secret(self, name: str, prefix: str) -> str:
        if not (self.instance / name).exists():
            self._write(name, prefix + secrets.token_hex(16))
        return (self.instance / name).read_text(encoding="ascii").strip()

    def _write(self, name: str, text: str) -> None:
        """Write atomically, readable only by the owner from the first byte: the file holds secrets."""
        new = self.instance / f"{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(self.instance / name)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Lock the folder for this run and check the ports; raises `RunError` if the folder or a port is in use."""
        for name in ("log", "mail", "stripe"):
            make_private(self.instance / name)
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
            except OSError as error:
                raise RunError(
                    f"Port {port} cannot be used ({os.strerror(error.errno or 0)}). "
                    f"This run needs {self.port} to {self.port + 3}; choose another: PORT=5100 make run"
                ) from None
