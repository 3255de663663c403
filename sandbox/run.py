"""`make run`: the database, its migrations, the demo accounts, the portal, its worker, a mailbox and a Stripe, kept up.

Ctrl-C or SIGTERM stops all of it, the database last. A second start keeps the data.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType

from sandbox.installation import HOST, PROJECT, WEB_PROCESSES, Installation, RunError
from sandbox.postgres.server import addresses, is_embedded
from sandbox.supervisor import Process, Supervisor

PYTHON = sys.executable
FLASK = [PYTHON, "-m", "flask", "--app", "wsgi"]
POSTGRES = [PYTHON, "-m", "sandbox.postgres"]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60
CARDS = (
    "4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, 4000 0027 6000 3184 asks for 3-D Secure,\n"
    "             4000 0000 0000 0341, put in place of a good card, fails at the renewal; any date, any three digits"
)
TICK = 0.1


def say(words: str) -> None:
    """Tell the person at the terminal, at once."""
    print(words, flush=True)


def main() -> int:
    """Run until a signal; 0 when stopped by one, 1 when something could not start."""
    for name in STOPPING:
        # A shell's background job is born deaf to SIGINT and must still hear it; nohup's wish is kept.
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:
            signal.signal(name, _interrupt)
    os.chdir(PROJECT)
    supervisor = Supervisor(say)
    try:
        installation = Installation.from_env(os.environ)
        with installation.claim():
            try:
                env = launch(installation, os.environ, supervisor)
                _print_addresses(installation, env)
                while True:
                    supervisor.tend()
                    time.sleep(TICK)
            finally:
                for name in STOPPING:
                    signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
                supervisor.stop()
    except RunError as refused:
        print(refused, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The data is kept; `make run` goes on with it.")
        return 0


def launch(installation: Installation, given: Mapping[str, str], supervisor: Supervisor) -> dict[str, str]:
    """Start everything, in order; returns once the portal answers, with the environment that its processes got.

    Raises `RunError` with the words of what failed; the caller stops the supervisor in every case.
    """
    env = installation.environment(given) | installation.stripe_settings()
    if _is_ours(env.get("DATABASE_URL", ""), installation):
        env |= _start_database(installation, supervisor, env)
    owner = {**env, "DATABASE_URL": env.get("OWNER_DATABASE_URL") or env["DATABASE_URL"]}
    installation.write_env_file(owner)
    say("Bringing the database up to date ...")
    _run_to_end([*FLASK, "db", "upgrade"], owner, supervisor, installation.log("upgrade"))
    mail = ["--folder", str(installation.instance / "mail"), "--port", str(installation.port + 1)]
    mailbox = [PYTHON, "-m", "sandbox.mailbox", *mail, "--smtp-port", str(installation.smtp_port)]
    supervisor.add(Process("mailbox", mailbox, env, installation.log("mailbox")))
    supervisor.add(Process("stripe", _standin(installation, env), env, installation.log("stripe")))
    _run_to_end([*FLASK, "demo"], owner, supervisor)
    supervisor.add(Process("web", _granian(installation), env, installation.log("web")))
    supervisor.add(Process("worker", [PYTHON, "-m", "app.worker"], env, installation.log("worker")))
    _wait_for(installation.log("stripe"), "The stand-in for Stripe", installation.stripe_port, "/style.css", supervisor)
    _wait_for(installation.log("web"), "The portal", installation.port, "/healthz", supervisor)
    _run_to_end([*FLASK, "catalog", "push"], owner, supervisor, installation.log("push"))
    return env


def _is_ours(address: str, installation: Installation) -> bool:
    """Whether the run brings the database: no address is given, or one that a shell has from `. instance/env`."""
    ours = addresses(installation.instance / "postgres").values()
    return not address or address in ours or is_embedded(address)


def _start_database(installation: Installation, supervisor: Supervisor, env: dict[str, str]) -> dict[str, str]:
    """Start the embedded server; returns its addresses, one for each role."""
    say(f"Starting PostgreSQL in {installation.instance / 'postgres'} ...")
    data = str(installation.instance / "postgres")
    log = installation.log("postgres")
    supervisor.add(Process("postgres", [*POSTGRES, "serve", data], env, log, signal.SIGINT))
    answer = installation.log("prepare")
    _run_to_end([*POSTGRES, "prepare", data], env, supervisor, answer)
    pairs = (line.partition("=") for line in answer.read_text(encoding="utf-8").splitlines())
    return {name: address for name, _, address in pairs if name.endswith("DATABASE_URL")}


def _granian(installation: Installation) -> list[str]:
    words = f"--interface wsgi --host {HOST} --port {installation.port} --log-level warning"
    words += f" --workers {WEB_PROCESSES} --blocking-threads 4 --respawn-failed-workers --workers-kill-timeout 5"
    return [PYTHON, "-m", "granian", *words.split(), "wsgi:app"]


def _standin(installation: Installation, env: Mapping[str, str]) -> list[str]:
    words = [PYTHON, "-m", "sandbox.standin", "--port", str(installation.stripe_port)]
    words += ["--folder", str(installation.instance / "stripe"), "--clock", str(installation.instance / "clock")]
    words += ["--webhook", installation.webhook]
    if env.get("STANDIN_RECORD"):
        words += ["--record", env["STANDIN_RECORD"]]
    return [*words, "--secret", env["STRIPE_WEBHOOK_SECRETS"], "--key", env["STRIPE_SECRET_KEY"]]


def _run_to_end(words: list[str], env: dict[str, str], supervisor: Supervisor, log: Path | None = None) -> None:
    """Run a command to its end, its words to the terminal or to a log; raises `RunError` when it fails."""
    out = log.open("wb") if log else None
    try:
        child = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            while child.poll() is None:
                _check_alive(supervisor)
                time.sleep(TICK / 5)
        finally:
            child.kill()
            child.wait()
    finally:
        if out:
            out.close()
    if child.returncode:
        raise RunError(f"`{' '.join(words[1:])}` failed.{_last_words(log)}")


def _check_alive(supervisor: Supervisor) -> None:
    for process in supervisor.processes:
        if process.child is not None and process.child.poll() is not None:
            raise RunError(f"{process.name} did not start.{_last_words(process.log)}")


def _wait_for(log: Path, what: str, port: int, path: str, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        _check_alive(supervisor)
        if _answers(port, path):
            return
        time.sleep(TICK)
    raise RunError(f"{what} did not answer within {READY_SECONDS} s.{_last_words(log)}")


def _answers(port: int, path: str) -> bool:
    with closing(HTTPConnection(HOST, port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False


def _last_words(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    return f" Its last words ({log}):\n" + "\n".join(f"    {line}" for line in lines)


def _print_addresses(installation: Installation, env: dict[str, str]) -> None:
    database = env["DATABASE_URL"] if is_embedded(env["DATABASE_URL"]) else "the one of DATABASE_URL"
    say(
        f"\nTollkeeper runs.\n"
        f"  Portal     {installation.portal}\n"
        f"  Mailbox    {installation.mailbox}   (every mail of this run; nothing leaves this machine)\n"
        f"  Stripe     {installation.stripe}/sandbox   (a stand-in: no money moves; events and faults)\n"
        f"  Cards      {CARDS}\n"
        f"  Accounts   {installation.instance / 'demo.json'}\n"
        f"  Database   {database}\n"
        f"  Logs       {installation.instance / 'log'}\n"
        f"Ctrl-C stops all of it."
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
