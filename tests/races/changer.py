"""One press on a change of plan in a process of its own, or one run of the sweep; a test may kill it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from app.kit.actor import Actor
from app.kit.clock import Clocks
from app.payments.cli import background_gateway
from app.payments.plan_changes.confirm import confirm_change
from app.payments.tasks import resolve_pending_payments
from tests.support.installation import app_on
from tests.today import FixedClock


def press_once(url: str, stripe: dict[str, Any], now: datetime, org_id: UUID, signed: str) -> None:
    """Confirm a quote."""
    clocks = Clocks(business=FixedClock(now), wall=FixedClock(now))
    with app_on(url, clocks, **stripe) as app, app.app_context(), background_gateway():
        confirm_change(org_id, signed, actor=Actor("user", UUID(int=7)), now=now)


def sweep_once(url: str, stripe: dict[str, Any], now: datetime) -> None:
    """What the worker does every other minute."""
    clocks = Clocks(business=FixedClock(now), wall=FixedClock(now))
    with app_on(url, clocks, **stripe) as app, app.app_context(), background_gateway():
        resolve_pending_payments()
