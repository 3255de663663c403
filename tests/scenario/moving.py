"""What is due and what is not quiet, for the mover of the sandbox's clock: without processes, and at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from app.ops import tasks
from tests.scenario import queue
from tests.standin import StandIn


@dataclass(frozen=True)
class StripeHere:
    """The stand-in does what the test's clock says; its webhooks keep the pauses that faults ask for."""

    stripe: StandIn

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """Its schedule."""
        with self.stripe.world.lock:
            at = self.stripe.world.store.next_at()
        due = None if at is None else datetime.fromtimestamp(at, UTC)
        return due if due is not None and after < due <= until else None

    def arrive(self) -> None:
        """Nothing."""

    def settle(self) -> list[str]:
        """Run what is due, carry what waits."""
        done = {"due": self.stripe.run_due(), "webhooks": self.stripe.deliver(hurry=False)}
        return [f"{count} {what} at Stripe" for what, count in done.items() if count]


@dataclass(frozen=True)
class PortalHere:
    """The tasks that the story runs, and its sweeps."""

    app: Flask
    only: str | None
    sweeps: tuple[str, ...]

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """Boundaries of periods and letters, where something sweeps them up."""
        return tasks.next_due(after, until) if self.sweeps else None

    def arrive(self) -> None:
        """Nothing."""

    def settle(self) -> list[str]:
        """Run what waits, then the sweeps."""
        done = queue.run(self.app, self.only)
        return ([f"{done} tasks"] if done else []) + [name for name in self.sweeps if queue.task(name)()]
