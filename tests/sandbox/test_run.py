"""`make run`: everything comes up, comes back after kill -9, keeps its data, and goes when asked."""

from __future__ import annotations

import json
import os
import shlex
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
import stripe

from app.settings import PROJECT
from sandbox.installation import Installation, RunError
from sandbox.run import _standin_command, launch
from sandbox.standin import API_VERSION
from sandbox.supervisor import PAUSE, Process, Supervisor
from tests.today import start_at

RUN = [sys.executable, "-m", "sandbox.run"]
GIVEN = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}


@pytest.fixture
def installation() -> Iterator[Installation]:
    with TemporaryDirectory(prefix="tollkeeper-") as folder:
        start_at(Path(folder) / "instance" / "clock")
        yield Installation(_four_ports(), Path(folder) / "instance")


def _four_ports() -> int:
    """A port that is free, as the next three are."""
    for port in range(20_000 + os.getpid() % 10_000, 40_000, 4):
        with socket.socket() as a, socket.socket() as b, socket.socket() as c, socket.socket() as d:
            try:
                for offset, probe in enumerate((a, b, c, d)):
                    probe.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise AssertionError("no four free ports in a row")


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def takes_mail(installation: Installation) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", installation.smtp_port, timeout=1).close()
    except OSError:
        return False
    return True


def everything(installation: Installation) -> bool:
    pages = (f"{installation.portal}/readyz", installation.mailbox, f"{installation.stripe}/style.css")
    return all(answers(page) for page in pages) and takes_mail(installation)


def processes(installation: Installation) -> list[str]:
    """The command lines of all live processes that name the run's folder or were told of it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(installation.instance).encode() in told and int(entry.name) != os.getpid():
            found.append(told.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


def until(true: Callable[[], bool], supervisor: Supervisor | None = None, seconds: float = 30.0) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        if supervisor:
            supervisor.restart_dead()
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.long
def test_killed_together_all_come_back_with_the_data_and_a_stop_leaves_none(installation: Installation) -> None:
    with launched(installation) as (supervisor, env):
        _another_run_is_refused(installation)
        _moves_its_clock_through_a_renewal(installation, env)
        _kill_and_wait(supervisor.processes, installation, supervisor)
        _has_kept_its_data(env["OWNER_DATABASE_URL"])
    assert processes(installation) == []


@pytest.mark.long
def test_killed_processes_come_back_a_stop_leaves_none_and_the_data_is_kept(installation: Installation) -> None:
    _kill_each_and_stop(installation)
    _ask_the_doctor(installation)
    _start_again_and_press_ctrl_c(installation)


@contextmanager
def launched(installation: Installation) -> Iterator[tuple[Supervisor, dict[str, str]]]:
    """Everything runs, each process with its own role at the database; stopped at the end."""
    supervisor = Supervisor(print)
    with installation.claim():
        try:
            env = launch(installation, GIVEN, supervisor)
            until(lambda: everything(installation), supervisor)
            assert "tollkeeper_web@" in env["DATABASE_URL"]
            assert "tollkeeper_worker@" in env["WORKER_DATABASE_URL"]
            with psycopg.connect(env["OWNER_DATABASE_URL"]) as connection:
                pushed = connection.execute("SELECT count(*) FROM stripe_prices").fetchone()
                assert pushed is not None
                assert pushed[0] > 0
                connection.execute("CREATE TABLE kept_by_test (a int)")
            yield supervisor, env
        finally:
            supervisor.stop()


def _moves_its_clock_through_a_renewal(installation: Installation, env: dict[str, str]) -> None:
    """Its own command and its Stripe move the clock alike: what happened on the way was heard of when it happened."""
    client = stripe.StripeClient(
        env["STRIPE_SECRET_KEY"], base_addresses={"api": installation.stripe}, stripe_version=API_VERSION
    )
    monthly: Any = {"currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = client.v1.prices.create({**monthly, "product_data": {"name": "Moved"}}).id
    customer = client.v1.customers.create({"payment_method": "pm_card_visa"})
    card = client.v1.payment_methods.list({"customer": customer.id}).data[0].id
    client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price}], "default_payment_method": card}
    )
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "clock", "advance", "33d"]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": 1})
    client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": clock.frozen_time + 3600})
    until(lambda: client.v1.test_helpers.test_clocks.retrieve(clock.id).status == "ready")
    until(lambda: _heard_at_once(env["OWNER_DATABASE_URL"]) == [True] * 4)


def _heard_at_once(address: str) -> list[bool]:
    """Of each event of the renewal's invoice, whether its webhook came before the next thing happened to it."""
    heard = """
        SELECT received_at < created_at + interval '1 hour' FROM stripe_inbox
        WHERE type IN ('invoice.created', 'invoice.finalized', 'invoice.paid', 'invoice.payment_succeeded')
          AND body #>> '{data,object,billing_reason}' = 'subscription_cycle'"""
    with psycopg.connect(address) as connection:
        return [row[0] for row in connection.execute(heard).fetchall()]


def _kill_and_wait(killed: list[Process], installation: Installation, supervisor: Supervisor) -> None:
    """Kill them at once, when none is so young that its restart would have to wait."""
    until(lambda: all(time.monotonic() - each.started > PAUSE for each in killed))
    before = {each.name: _pid(each) for each in killed}
    for each in killed:
        os.kill(before[each.name], signal.SIGKILL)

    def back() -> bool:
        # What a killed web server leaves may still answer: only the new one counts.
        return all(_pid(each) != before[each.name] for each in killed) and everything(installation)

    print(f"{', '.join(before)}: back after {until(back, supervisor, 20.0 * len(killed)):.2f} s")


def _pid(process: Process) -> int:
    assert process.child is not None
    return process.child.pid


def _has_kept_its_data(address: str) -> None:
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT to_regclass('kept_by_test')").fetchone() == ("kept_by_test",)


def _another_run_is_refused(installation: Installation) -> None:
    env = sourced(installation)
    again = subprocess.run(RUN, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "Another run uses" in again.stderr


def _kill_each_and_stop(installation: Installation) -> None:
    with launched(installation) as (supervisor, _):
        for process in supervisor.processes:
            _kill_and_wait([process], installation, supervisor)
    assert processes(installation) == []


def sourced(installation: Installation) -> dict[str, str]:
    """The environment of a shell after `. instance/env`."""
    words = shlex.split((installation.instance / "env").read_text(encoding="utf-8").replace("export ", ""))
    return {**GIVEN, **dict(word.split("=", 1) for word in words)}


def doctor(installation: Installation) -> subprocess.CompletedProcess[str]:
    """`flask doctor`, run by hand."""
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"]
    return subprocess.run(words, cwd=PROJECT, env=sourced(installation), capture_output=True, text=True, check=False)


def _ask_the_doctor(installation: Installation) -> None:
    """A command after the run has ended says that the database is away, and starts none."""
    ended = doctor(installation)
    assert ended.returncode == 1
    assert "FAILED   database" in ended.stdout
    assert "Start it with `make run`, or correct DATABASE_URL." in ended.stdout
    assert processes(installation) == []


def _start_again_and_press_ctrl_c(installation: Installation) -> None:
    """Also from a shell that knows the run."""
    env = sourced(installation)
    child = subprocess.Popen(RUN, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = []
    for line in child.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    data = next(line for line in "".join(said).split() if line.startswith("postgresql://"))
    _has_kept_its_data(data.replace("tollkeeper_web@", "tollkeeper_owner@"))
    sound = doctor(installation)
    assert sound.returncode == 0, sound.stdout
    assert "database: connected as tollkeeper_owner" in sound.stdout
    _another_run_is_refused(installation)
    child.send_signal(signal.SIGINT)
    assert "The data is kept" in child.stdout.read()
    assert child.wait(30) == 0
    child.stdout.close()
    assert processes(installation) == []
    assert json.loads((installation.instance / "demo.json").read_text(encoding="utf-8"))


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    taken = _four_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken + 1))
        other.listen()
        words = f"Port {taken + 1} cannot be used .* choose another: PORT="
        with pytest.raises(RunError, match=words), Installation(taken, tmp_path).claim():
            raise AssertionError("it was claimed")


@pytest.mark.parametrize("port", ["0", "65533", "http", "-1", "²"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(RunError, match="PORT must be a number"):
        Installation.from_env({"PORT": port})


def test_the_usual_place_is_port_5000_and_the_projects_instance_folder() -> None:
    usual = Installation.from_env({"PORT": "", "INSTANCE": ""})
    assert (usual.portal, usual.mailbox) == ("http://127.0.0.1:5000", "http://127.0.0.1:5001")
    assert usual.instance == PROJECT / "instance"
    assert usual.environment({"A": "1"})["SMTP_PORT"] == "5002"
    assert usual.stripe == "http://127.0.0.1:5003"


def test_other_users_of_the_machine_read_no_email_no_log_no_payment_and_no_secret(tmp_path: Path) -> None:
    installation = Installation(_four_ports(), tmp_path)
    (tmp_path / "mail").mkdir(mode=0o755)  # by an earlier release
    with installation.claim():
        assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("mail", "log", "stripe")} == {
            "mail": 0o700, "log": 0o700, "stripe": 0o700,
        }  # fmt: skip
    secrets = installation.stripe_settings()
    command = _standin_command(installation, secrets)
    assert not any(
        secrets[name] in word for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS") for word in command
    )


def test_the_key_and_the_webhook_secret_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, again = Installation(5000, tmp_path).stripe_settings(), Installation(5100, tmp_path).stripe_settings()
    assert first["STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert first["STRIPE_WEBHOOK_SECRETS"].startswith("whsec_")
    assert {name for name in first if first[name] != again[name]} == {"STRIPE_API_BASE", "STRIPE_PAGE_HOSTS"}
    other = Installation(5000, tmp_path / "other")
    other.instance.mkdir()
    assert other.stripe_settings()["STRIPE_SECRET_KEY"] != first["STRIPE_SECRET_KEY"]
    Installation(5000, tmp_path).write_env_file({**Installation(5000, tmp_path).environment({}), **first})
    told = subprocess.run(["sh", "-c", '. "$1"; echo "$STRIPE_SECRET_KEY $BASE_URL"', "sh", tmp_path / "env"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert told.split() == [first["STRIPE_SECRET_KEY"], "http://127.0.0.1:5000"]
    for name in ("stripe_secret_key", "stripe_webhook_secret", "env"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_database_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    installation = Installation(_four_ports(), tmp_path)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n", encoding="ascii")
    supervisor = Supervisor(print)
    with installation.claim():
        try:
            with pytest.raises(RunError, match=r"(?s)postgres did not start.*created by PostgreSQL 9"):
                launch(installation, GIVEN, supervisor)
        finally:
            supervisor.stop()
