"""Issues invoices of ours in a process of its own, in several threads at once, which a test may kill."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from random import Random
from uuid import UUID

from app.billing_runs.run import run_billing
from app.kit.clock import Clocks
from tests.support.installation import app_on
from tests.today import FixedClock

GRACE = timedelta(hours=1)
THREADS = 8


def issue_all(url: str, now: datetime, orgs: Sequence[UUID], seed: int, ready: Barrier) -> None:
    """Run the billing of each org, in an order of its own, beside other processes that do the same."""
    clocks = Clocks(business=FixedClock(now), wall=FixedClock(now))
    with app_on(url, clocks) as app:

        def one(org_id: UUID) -> None:
            with app.app_context():
                run_billing(None, now, GRACE, org_id)

        ready.wait(60)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(one, Random(seed).sample(list(orgs), len(orgs))))
