"""One billing run in a process of its own, which a test may kill."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.billing_runs.tasks import close_periods
from app.kit.clock import Clocks
from app.payments.cli import background_gateway
from tests.support.installation import app_on
from tests.today import FixedClock


def close_once(url: str, stripe: dict[str, Any], now: datetime) -> None:
    """What the worker does each minute, at a moment."""
    clocks = Clocks(business=FixedClock(now), wall=FixedClock(now))
    with app_on(url, clocks, **stripe) as app, app.app_context(), background_gateway():
        close_periods()
