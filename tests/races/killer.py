"""Kills a process of its own: after some calls to Stripe, a change of a kind, or some time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from random import Random
from threading import Timer
from typing import Any

from sandbox.standin.http.app import Exchange
from tests.races import closer
from tests.scenario import Scenario

CALLS = {
    "hold": "/v1/invoices/in_",  # and what else changes an invoice that is there
    "make": "/v1/invoices",
    "item": "/v1/invoiceitems",
    "finalise": "/finalize",
}
"""What billing changes at Stripe, by the end or the start of the path."""


@dataclass
class Killer:
    """Runs the close, or another `task`, in a process that may not end; counts what it hit."""

    scenario: Scenario
    forks: ForkServerContext
    chance: Random
    met: Counter[str] = field(default_factory=Counter)
    task: Callable[..., None] = closer.close_once
    given: tuple[Any, ...] = ()

    def after_calls(self, most: int) -> None:
        """Kill it after up to so many calls, whatever they ask for; now and then after some time instead."""
        if self.chance.random() < 0.7:
            self._run("anywhere", self.chance.randint(1, most), lambda _: True, seconds=60)
        else:
            self._run("anywhere", 0, lambda _: True, seconds=self.chance.uniform(0.3, 2))

    def after(self, nth: int, pause: float) -> None:
        """Kill it when Stripe has done the nth call, before the answer is there, or some moments later."""
        self._run(f"call {nth}", nth, lambda _: True, seconds=60, pause=pause)

    def at_a_change(self, kind: str, nth: int) -> None:
        """Kill it when Stripe has done the nth change of a kind: before the answer is there, or some moments later."""
        part, pause = CALLS[kind], self.chance.choice((0, 0, 0.002, 0.005, 0.01, 0.03))

        def counts(exchange: Exchange) -> bool:
            path = exchange.call.path
            fits = path == part or path.endswith(part) if kind != "hold" else path.startswith(part)
            return exchange.call.method == "POST" and fits

        self._run(kind, nth, counts, seconds=60, pause=pause)

    def _run(
        self, kind: str, nth: int, counts: Callable[[Exchange], bool], *, seconds: float, pause: float = 0
    ) -> None:
        settings = self.scenario.app.extensions["tollkeeper"].settings
        given = (settings.database_url, self.scenario.stripe.stripe_settings(), self.scenario.clock.at, *self.given)
        child = self.forks.Process(target=self.task, args=given)
        left = nth

        def watch(exchange: Exchange) -> None:
            nonlocal left
            left -= counts(exchange)
            if left == 0 and counts(exchange):
                Timer(pause, child.kill).start() if pause else child.kill()

        watchers = self.scenario.stripe.app.watchers if self.scenario.stripe.app else []
        watchers.append(watch)
        child.start()
        child.join(seconds)
        child.kill()
        child.join(10)
        watchers.remove(watch)
        self.met[f"killed: {kind}" if child.exitcode == -9 else f"ended with {child.exitcode}"] += 1

    @property
    def killed(self) -> int:
        """How many of its runs did not end."""
        return sum(count for how, count in self.met.items() if how.startswith("killed"))
