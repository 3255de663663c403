"""The supervisor: what dies comes back, what is stopped is gone, groups and all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.settings import PROJECT
from sandbox.supervisor import Process, Supervisor

SLEEP = "import time; time.sleep(600)"
WITH_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); {SLEEP}"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(said.append)
    yield made
    made.stop()


def process(folder: Path, code: str, name: str = "sleeper") -> Process:
    return Process(name, [sys.executable, "-c", code], os.environ, folder / f"{name}.log")


def group(process: Process) -> list[int]:
    """The live processes of its group."""
    assert process.child is not None
    found = subprocess.run(["ps", "-e", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in found.stdout.splitlines())
    return [int(pid) for pid, pgid, stat in rows if int(pgid) == process.child.pid and not stat.startswith("Z")]


def until(true: Callable[[], bool], seconds: float = 5.0) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.slow
def test_a_killed_process_is_started_again_within_a_second(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    kept = process(tmp_path, SLEEP)
    supervisor.add(kept)
    time.sleep(1.0)
    first = kept.child
    assert first is not None
    first.kill()
    first.wait()
    supervisor.restart_dead()
    assert kept.child is not first
    assert group(kept) == [kept.child.pid]
    assert "sleeper exited with -9" in said[0]


def test_what_a_killed_leader_leaves_is_ended_before_the_restart(supervisor: Supervisor, tmp_path: Path) -> None:
    kept = process(tmp_path, WITH_CHILD)
    supervisor.add(kept)
    until(lambda: len(group(kept)) == 2)
    orphan = max(group(kept))
    kept.started -= 2
    assert kept.child is not None
    kept.child.kill()
    kept.child.wait()
    supervisor.restart_dead()
    until(lambda: orphan not in group(kept) and not _lives(orphan))


@pytest.mark.slow
def test_a_process_that_dies_at_once_is_started_once_a_second(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    supervisor.add(process(tmp_path, "raise SystemExit(3)"))
    began = time.monotonic()
    while time.monotonic() - began < 2.5:
        supervisor.restart_dead()
        time.sleep(0.02)
    assert len(said) == 2


@pytest.mark.slow
def test_stop_leaves_nothing_not_even_what_will_not_hear(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, patience=0.5)
    kept, stubborn = process(tmp_path, WITH_CHILD, "parent"), process(tmp_path, STUBBORN, "stubborn")
    supervisor.add(kept)
    supervisor.add(stubborn)
    until(lambda: len(group(kept)) == 2)
    time.sleep(0.3)
    supervisor.stop()
    until(lambda: group(kept) == group(stubborn) == [], 1.0)  # a killed process may still be on its way out
    assert said == ["stubborn did not stop within 0.5 s and was killed"]
    supervisor.stop()


def test_when_we_are_killed_the_kernel_ends_our_processes(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from sandbox.supervisor import Process, Supervisor\n"
        f"made = Process('sleeper', [sys.executable, '-c', {SLEEP!r}], os.environ, Path({str(tmp_path / 'log')!r}))\n"
        "Supervisor(print).add(made); print(made.child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
