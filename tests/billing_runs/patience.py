"""Runs again while a transaction of another test holds a mark back, as the worker does a minute later."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.billing_runs.run import RunReport

_HELD_BACK = "The period waits for its last events."


def patiently(run: Callable[[], RunReport], seconds: float = 20) -> RunReport:
    """The reports of all runs as one; what waited and went on is not waiting."""
    report, until = run(), time.monotonic() + seconds
    while _HELD_BACK in report.waiting.values() and time.monotonic() < until:
        time.sleep(0.02)
        again = run()
        report = RunReport(
            rated=report.rated + again.rated,
            billed=report.billed + again.billed,
            invoiced=report.invoiced + again.invoiced,
            waiting=again.waiting,
            errors=report.errors | again.errors,
            credited=report.credited + again.credited,
            credit_errors=again.credit_errors,
        )
    return report
