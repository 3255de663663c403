"""`make run`: starts the database, migrations, demo accounts, portal, worker, mailbox and Stripe stand-in.

Keeps them running. Ctrl-C or SIGTERM stops everything, the database last. The next start keeps the data.
"""

from __future__ import annotations

import os
import shlex
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
    "4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, 4000 0027 6000 3184 requires 3-D Secure,\n"
    "             4000 0000 0000 0341 can be saved but fails at the renewal; any future date, any three digits"
)
TICK = 0.1


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main() -> int:
    """Run until a signal; return 0 if stopped by one, 1 if something could not start."""
    for name in STOPPING:
        # A shell starts background jobs with SIGINT ignored, but we must handle it; nohup's choice is respected.
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
                    supervisor.restart_dead()
                    time.sleep(TICK)
            finally:
                for name in STOPPING:
                    signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
                supervisor.stop()
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The data is kept; `make run` continues with it.")
        return 0


def launch(installation: Installation, base_env: Mapping[str, str], supervisor: Supervisor) -> dict[str, str]:
    """Start everything in order; return the processes' environment once the portal answers.

    Raises `RunError` if something fails; the caller stops the supervisor in any case.
    """
    env = installation.environment(base_env) | installation.stripe_settings()
    if _provides_database(env.get("DATABASE_URL", ""), installation):
        env |= _start_database(installation, supervisor, env)
    owner = {**env, "DATABASE_URL": env.get("OWNER_DATABASE_URL") or env["DATABASE_URL"]}
    installation.write_env_file(owner)
    say("Migrating the database ...")
    _run_command([*FLASK, "db", "upgrade"], owner, supervisor, installation.log("upgrade"))
    mail = ["--folder", str(installation.instance / "mail"), "--port", str(installation.port + 1)]
    mailbox = [PYTHON, "-m", "sandbox.mailbox", *mail, "--smtp-port", str(installation.smtp_port)]
    supervisor.add(Process("mailbox", mailbox, env, installation.log("mailbox")))
    supervisor.add(Process("stripe", _standin_command(installation, env), env, installation.log("stripe")))
    say("Making demo accounts ...")
    _run_command([*FLASK, "demo"], owner, supervisor, installation.log("demo"), shown=True)
    supervisor.add(Process("web", _granian_command(installation), env, installation.log("web")))
    supervisor.add(Process("worker", [PYTHON, "-m", "app.worker"], env, installation.log("worker")))
    _wait_for(installation.log("stripe"), "The stand-in for Stripe", installation.stripe_port, "/style.css", supervisor)
    _wait_for(installation.log("web"), "The portal", installation.port, "/healthz", supervisor)
    _run_command([*FLASK, "catalog", "push"], owner, supervisor, installation.log("push"))
    return env


def _provides_database(address: str, installation: Installation) -> bool:
    """Whether the run provides the database: no URL is set, or one from `. instance/env`."""
    ours = addresses(installation.instance / "postgres").values()
    return not address or address in ours or is_embedded(address)


def _start_database(installation: Installation, supervisor: Supervisor, env: dict[str, str]) -> dict[str, str]:
    """Start the embedded server; return a URL per role."""
    say(f"Starting PostgreSQL in {installation.instance / 'postgres'} ...")
    data = str(installation.instance / "postgres")
    log = installation.log("postgres")
    supervisor.add(Process("postgres", [*POSTGRES, "serve", data], env, log, signal.SIGINT))
    answer = installation.log("prepare")
    _run_command([*POSTGRES, "prepare", data], env, supervisor, answer)
    pairs = (line.partition("=") for line in answer.read_text(encoding="utf-8").splitlines())
    return {name: address for name, _, address in pairs if name.endswith("DATABASE_URL")}


def _granian_command(installation: Installation) -> list[str]:
    arguments = f"--interface wsgi --host {HOST} --port {installation.port} --log-level warning"
    arguments += f" --workers {WEB_PROCESSES} --blocking-threads 4 --respawn-failed-workers --workers-kill-timeout 5"
    return [PYTHON, "-m", "granian", *arguments.split(), "wsgi:app"]


def _standin_command(installation: Installation, env: Mapping[str, str]) -> list[str]:
    arguments = [PYTHON, "-m", "sandbox.standin", "--port", str(installation.stripe_port)]
    arguments += ["--folder", str(installation.instance / "stripe"), "--clock", str(installation.instance / "clock")]
    arguments += ["--webhook", installation.webhook, "--mover", shlex.join([*FLASK, "clock", "advance"])]
    if env.get("STANDIN_RECORD"):
        arguments += ["--record", env["STANDIN_RECORD"]]
    return arguments  # its secrets are in the environment, which other users of the machine cannot read


def _run_command(
    arguments: list[str], env: dict[str, str], supervisor: Supervisor, log: Path, *, shown: bool = False
) -> None:
    """Run a command and wait, with output to a log, or with `shown` to the terminal; raises `RunError` if it fails.

    Its errors and log lines go to the log in either case.
    """
    with log.open("wb") as words:
        output = None if shown else words
        child = subprocess.Popen(arguments, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=words)
        try:
            while child.poll() is None:
                _check_alive(supervisor)
                time.sleep(TICK / 5)
        finally:
            child.kill()
            child.wait()
    if child.returncode:
        raise RunError(f"`{' '.join(arguments[1:])}` failed.{_tail(log)}")


def _check_alive(supervisor: Supervisor) -> None:
    for process in supervisor.processes:
        if process.child is not None and process.child.poll() is not None:
            raise RunError(f"{process.name} did not start.{_tail(process.log)}")


def _wait_for(log: Path, what: str, port: int, path: str, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        _check_alive(supervisor)
        if _is_ready(port, path):
            return
        time.sleep(TICK)
    raise RunError(f"{what} did not answer within {READY_SECONDS} s.{_tail(log)}")


def _is_ready(port: int, path: str) -> bool:
    with closing(HTTPConnection(HOST, port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    return f" End of {log}:\n" + "\n".join(f"    {line}" for line in lines)


def _print_addresses(installation: Installation, env: dict[str, str]) -> None:
    database = env["DATABASE_URL"] if is_embedded(env["DATABASE_URL"]) else "see DATABASE_URL"
    say(
        f"\nTollkeeper runs.\n"
        f"  Portal     {installation.portal}\n"
        f"  Mailbox    {installation.mailbox}   (all email of this run; nothing leaves this machine)\n"
        f"  Stripe     {installation.stripe}/sandbox   (a stand-in: no money moves; events and faults)\n"
        f"  Cards      {CARDS}\n"
        f"  Accounts   {installation.instance / 'demo.json'}\n"
        f"  Database   {database}\n"
        f"  Logs       {installation.instance / 'log'}\n"
        f"Press Ctrl-C to stop everything."
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
