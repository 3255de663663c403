"""Says at the end of a run which pages of the browser tests' matrices it looked at, and why."""

from __future__ import annotations

from typing import Any

ROOM = "tests/browser/"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print it where pages were looked at."""
    ran = {each.nodeid.split("::")[0] for each in terminalreporter.stats.get("passed", [])}
    if f"{ROOM}test_pages.py" not in ran:
        return
    from tests.browser import sampled  # not before: a run of other rooms needs no browser
    from tests.support.sampling import told

    for line in told(sampled.PAGES, sampled.PICKS, sampled.LEFT, "Pages"):
        terminalreporter.write_line(line)
