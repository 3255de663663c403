"""With `--budget`: seconds of each room, printed after the run, which fails if a room takes more than its share.

The shares are in `tests/seconds.toml`, two to three times what a quiet machine of two cores needs: they notice a test
that waits or a matrix that grew, not a slow hour.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

BUDGETS = Path(__file__).parents[1] / "seconds.toml"


@dataclass
class Room:
    """What a room's tests have taken so far."""

    tests: int = 0
    seconds: float = 0.0


def room_of(nodeid: str) -> str:
    """The room of a test: the folder below `tests/`.

    >>> room_of("tests/payments/webhooks/test_inbox.py::test_x")
    'payments'
    """
    return nodeid.split("::", 1)[0].split("/")[1]


def overdrawn(rooms: dict[str, Room], budgets: dict[str, float]) -> list[str]:
    """A sentence for each room above its budget or without one."""
    told = []
    for name, room in sorted(rooms.items()):
        if name not in budgets:
            told.append(f"{name}: {room.seconds:.0f} s, and no budget in tests/seconds.toml")
        elif room.seconds > budgets[name]:
            told.append(f"{name}: {room.seconds:.0f} s, more than its {budgets[name]:g} s")
    return told


class Seconds:
    """Adds up the reports, which reach the process that prints."""

    def __init__(self, budgets: dict[str, float]) -> None:
        self.budgets = budgets
        self.rooms: dict[str, Room] = defaultdict(Room)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one test."""
        room = self.rooms[room_of(report.nodeid)]
        room.tests += report.when == "call"
        room.seconds += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run whose tests passed too slowly."""
        if overdrawn(self.rooms, self.budgets) and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, the slowest room first."""
        terminalreporter.section("seconds a room")
        for name, room in sorted(self.rooms.items(), key=lambda pair: -pair[1].seconds):
            budget = self.budgets.get(name, 0)
            terminalreporter.write_line(f"{name:<16}{room.tests:>6} tests{room.seconds:>8.1f} s   of {budget:g}")
        total = sum(room.seconds for room in self.rooms.values())
        terminalreporter.write_line(f"{'all':<16}{sum(r.tests for r in self.rooms.values()):>6} tests{total:>8.1f} s")
        for told in overdrawn(self.rooms, self.budgets):
            terminalreporter.write_line(f"OVER BUDGET  {told}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--budget", action="store_true", help="print seconds a room; fail above tests/seconds.toml")


def pytest_configure(config: pytest.Config) -> None:
    """Count where the results arrive: in the process that was started, not in its workers."""
    if hasattr(config, "workerinput") or not config.getoption("--budget"):
        return
    budgets = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))["seconds"]
    config.pluginmanager.register(Seconds(budgets), "seconds-a-room")
