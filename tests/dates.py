"""`make test-dates`: the tests that read a clock, on the days that calendars trip over.

Each day is a run of its own, whose TEST_NOW the tests and the installations that they start stand at. What follows the
machine's clock all the same: PostgreSQL's `now()`, which stamps rows but decides nothing, and the wall clock of started
processes (sessions, tokens, signatures). Tests whose dates are written out stand at `tests.today.WRITTEN`
and are left out here (the mark `dated`).

`python -m tests.dates leap europe` runs those days only; words with a dash go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

DAYS = {
    "leap": "2028-02-29T12:00:00+00:00",
    "january-31": "2027-01-31T12:00:00+00:00",
    "february-28": "2027-02-28T12:00:00+00:00",
    "month-last-hour": "2027-04-30T23:30:00+00:00",
    "month-first-hour": "2027-05-01T00:30:00+00:00",
    "europe-forward": "2027-03-28T01:30:00+00:00",
    "europe-back": "2027-10-31T00:30:00+00:00",  # the first half past two in Berlin; the second comes an hour later
    "america-forward": "2027-03-14T07:30:00+00:00",
    "america-back": "2027-11-07T05:30:00+00:00",  # the first half past one in New York
    "year-last-hour": "2026-12-31T23:30:00+00:00",
    "year-first-hour": "2027-01-01T00:30:00+00:00",
}
WITH_BROWSER = {"leap", "month-last-hour"}
"""Whole purchases in a browser cost minutes a day: at the end of the shortest month, and over the end of another."""


def main(words: list[str]) -> int:
    """Run the named days, or all; 1 when one of them failed, after the last."""
    wanted = [word for word in words if not word.startswith("-")]
    if unknown := [word for word in wanted if not any(day.startswith(word) for day in DAYS)]:
        print(f"Unknown: {', '.join(unknown)}. The days are {', '.join(DAYS)}.", file=sys.stderr)
        return 2
    days = [day for day in DAYS if not wanted or any(day.startswith(word) for word in wanted)]
    failed = [day for day in days if not _passes(day, [word for word in words if word.startswith("-")])]
    for day in failed:
        print(f"FAILED on {day}: TEST_NOW={DAYS[day]}")
    print(f"{len(days) - len(failed)} of {len(days)} days passed.")
    return 1 if failed else 0


def _passes(day: str, options: list[str]) -> bool:
    marked = "clock and not dated and not long" + ("" if day in WITH_BROWSER else " and not browser")
    print(f"\n== {day}: {DAYS[day]}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-m", marked, "-n", "2", "--dist", "worksteal", *options]
    done = subprocess.run(command, env={**os.environ, "TEST_NOW": DAYS[day]}, check=False)
    print(f"== {day}: {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
