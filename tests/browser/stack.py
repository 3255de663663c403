"""A whole installation as `make run` starts it, in a folder and on ports of its own."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from app.kit.clock import OffsetClock
from app.settings import PROJECT
from tests.standin_traffic import TRAFFIC
from tests.support import shared_program
from tests.today import start_at

READY_SECONDS = 240
T = TypeVar("T")


@dataclass(frozen=True)
class Stack:
    """A running installation; `demo` is what stands in its demo.json."""

    base: str
    instance: Path
    demo: dict[str, Any]

    def password(self, email: str) -> str:
        """The password of a demo account."""
        return next(each["password"] for each in self.demo["accounts"] if each["email"] == email)

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails that reached an address, newest first, as the mailbox page gives them."""
        with urllib.request.urlopen(f"{self.demo['mailbox_url']}/messages.json", timeout=5) as answer:
            return [mail for mail in json.load(answer) if to in mail["to"]]

    def link(self, to: str, path: str) -> str:
        """The link below `path` in the newest mail to an address, once it is there: the worker sends it."""
        start = f"{self.base}{path}"

        def found() -> str:
            return next((url for mail in self.mails(to) for url in mail["links"] if url.startswith(start)), "")

        return until(found, f"a mail to {to} with a link to {path}")

    def flask(self, *words: str) -> str:
        """What one of the installation's own commands prints."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        env = self.environment()
        return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=True).stdout

    def environment(self) -> dict[str, str]:
        """What a shell has after `. INSTANCE/env`."""
        told = shlex.split((self.instance / "env").read_text(encoding="utf-8").replace("export ", ""))
        return {**_environment(self.instance), **dict(each.split("=", 1) for each in told)}

    def business_now(self) -> datetime:
        """The instant that periods go by."""
        return OffsetClock(self.instance / "clock").now()

    def advance(self, by: timedelta) -> None:
        """Move the business clock by its command, and all that falls due on the way."""
        self.flask("clock", "advance", f"{math.ceil(by.total_seconds())}s")

    def leave_days_in_month(self, days: int) -> None:
        """Move the business clock into the next month, unless so many days more are still in this one."""
        now = self.business_now()
        if (now + timedelta(days=days)).month != now.month:
            self.advance(timedelta(days=days))

    @property
    def stripe(self) -> str:
        """The address of the stand-in for Stripe: the third port after the portal's."""
        start, _, port = self.base.rpartition(":")
        return f"{start}:{int(port) + 3}"

    def switch(self, **switches: Any) -> None:
        """Turn the stand-in's switches for faults: `api`, `webhooks`, `clear`, as its control page takes them."""
        body = json.dumps(switches).encode()
        request = urllib.request.Request(f"{self.stripe}/sandbox/faults", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5):
            pass


RUN = [sys.executable, "-m", "sandbox.run"]


@contextmanager
def shared(folder: Path) -> Iterator[Stack]:
    """The installation that all processes of a test run share: the first starts it, the last one stops it."""
    instance, port_file = folder / "instance", folder / "port"

    def start() -> None:
        start_at(instance / "clock")
        port, log = free_port(), folder / "run.log"
        port_file.write_text(str(port), encoding="ascii")
        shared_program.keep(folder, RUN, _run_environment(instance, port), log)
        _wait(lambda: shared_program.is_kept(folder), _base(port), instance, log)

    with shared_program.using(folder, start) as use:
        yield _stack(instance, int(port_file.read_text(encoding="ascii")))
    if use.last:
        try:
            _check_traffic(instance)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running() -> Iterator[Stack]:
    """Start an own installation, its business clock at the tests' now; stop it as Ctrl-C does, and remove it.

    Not in pytest's own base folder: each new run of pytest closes that to other users, and PostgreSQL runs as one.
    """
    with TemporaryDirectory(prefix="tollkeeper-own-") as own:
        folder = Path(own)
        folder.chmod(0o755)
        instance, log = folder / "instance", folder / "run.log"
        start_at(instance / "clock")
        port = free_port()
        with log.open("wb") as words:
            child = subprocess.Popen(
                RUN, cwd=PROJECT, env=_run_environment(instance, port), stdout=words, stderr=words,
                start_new_session=True,
            )  # fmt: skip
            try:
                _wait(lambda: child.poll() is None, _base(port), instance, log)
                yield _stack(instance, port)
            finally:
                child.send_signal(signal.SIGINT)
                child.wait(timeout=30)
        _check_traffic(instance)


def _base(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _stack(instance: Path, port: int) -> Stack:
    return Stack(_base(port), instance, json.loads((instance / "demo.json").read_text(encoding="utf-8")))


def _run_environment(instance: Path, port: int) -> dict[str, str]:
    return {**_environment(instance), "PORT": str(port), "STANDIN_RECORD": str(instance / "stripe.traffic")}


def _check_traffic(instance: Path) -> None:
    """Compare what was said to the stand-in and by it with Stripe's description."""
    kept = instance / "stripe.traffic"
    if kept.exists():
        TRAFFIC.kept(kept)


def free_port() -> int:
    """A port whose three neighbours are free as well: the mailbox, its SMTP and the stand-in for Stripe take them.

    Below the ports that the system hands out by itself; two processes of the tests begin at different ones.
    """
    for start in range(20_000 + os.getpid() * 4 % 10_000, 32_000, 4):
        if all(_is_free(start + step) for step in range(4)):
            return start
    raise RuntimeError("no free ports")


def _environment(instance: Path) -> dict[str, str]:
    """Ours, with a database of its own whatever the tests use."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    return {**kept, "INSTANCE": str(instance), "TOLLKEEPER_ENV": "sandbox"}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait(alive: Callable[[], bool], base: str, instance: Path, log: Path) -> None:
    def ready() -> bool:
        if not alive():
            raise RuntimeError(f"the installation stopped by itself:\n{log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2) as answer:
                told = b"Tollkeeper runs." in log.read_bytes()
                return answer.status == 200 and (instance / "demo.json").exists() and told
        except (urllib.error.URLError, OSError):
            return False

    until(ready, "the installation to become ready", READY_SECONDS)


def until(look: Callable[[], T], what: str, seconds: float = 15) -> T:
    """What `look` gives as soon as it is true; raises `TimeoutError` naming `what` when it stays false."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)
    return found
