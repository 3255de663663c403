"""What a run shares is started once, lives as long as somebody uses it, and ends also when its users were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, Thread

from app.settings import PROJECT
from tests.support import shared_program

PROGRAM = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
USER = (
    "import sys, time; from pathlib import Path; from tests.house.test_shared_program import use;"
    "folder = Path(sys.argv[1]);\nwith use(folder): (folder / 'using').touch(); time.sleep(600)"
)


def use(folder: Path) -> AbstractContextManager[shared_program.Use]:
    """Use a program that writes its process id into `started` and sleeps."""
    started = folder / "started"

    def start() -> None:
        before = started.read_text() if started.exists() else ""
        shared_program.keep(folder, [sys.executable, "-c", PROGRAM, str(started)], os.environ, folder / "log")
        wait(lambda: started.exists() and started.read_text() != before)

    return shared_program.using(folder, start)


def wait(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(folder: Path) -> list[bool]:
    """Of each program that was started, whether it lives."""
    return [Path(f"/proc/{pid}").exists() for pid in (folder / "started").read_text().split()]


def test_it_starts_once_and_ends_when_the_last_user_leaves(tmp_path: Path) -> None:
    with use(tmp_path) as first:
        with use(tmp_path) as second:
            assert alive(tmp_path) == [True]
        assert not second.last
        assert alive(tmp_path) == [True]
    assert first.last
    assert alive(tmp_path) == [False]
    with use(tmp_path) as again:
        assert alive(tmp_path) == [False, True]
    assert again.last


def test_it_ends_when_its_last_user_is_killed(tmp_path: Path) -> None:
    user = subprocess.Popen([sys.executable, "-c", USER, str(tmp_path)], cwd=PROJECT)
    wait((tmp_path / "using").exists)
    assert alive(tmp_path) == [True]
    user.send_signal(signal.SIGKILL)
    user.wait()
    wait(lambda: not shared_program.is_kept(tmp_path))
    assert alive(tmp_path) == [False]


def test_who_asks_to_be_alone_waits_for_the_others_and_they_for_it(tmp_path: Path) -> None:
    seen: list[str] = []
    go, asks = Event(), Event()

    def other() -> None:
        go.wait()
        asks.set()
        with shared_program.turn(tmp_path, alone=False):
            seen.append("beside")

    thread = Thread(target=other)
    thread.start()
    with shared_program.turn(tmp_path, alone=True):
        go.set()
        assert asks.wait(10)
        thread.join(0.2)
        seen.append("alone")
    thread.join(10)
    assert seen == ["alone", "beside"]
    with shared_program.turn(tmp_path, alone=False), shared_program.turn(tmp_path, alone=False):
        seen.append("together")
