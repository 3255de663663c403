"""200 events a second and eight readers, with the worker folding: how long the seeds' five answers take."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from bench.scale.visitor import Visitor
from bench.world import ENV, PROJECT, World

EVENTS = 200
WRITERS = 4
READERS = 8
PAUSE = 0.5
"""Seconds that a reader looks at what came before asking for more."""

LIMITS = {"record": 0.05, "aggregation": 0.1, "a user's year": 0.2, "check": 0.2, "/admin": 2.0}
"""The seeds' own figures, in seconds, at the 95th percentile."""


EVENT = {"meter": "bench", "provider": "provider-1", "user": "user-1", "endpoint": "/v1/endpoint-1", "status_code": 200,
         "response_ms": 120}  # fmt: skip


class Crowd:
    """Writers and readers until `stop`; `taken` holds the seconds of each kind of answer, `failed` what went wrong."""

    def __init__(self, world: World, base: str, owner: Visitor, staff: Visitor, user: str) -> None:
        self.world, self.base = world, base
        self.reads = [
            (owner, "aggregation", "/api/v1/usage/summary"),
            (owner, "a user's year", f"/api/v1/usage/summary?user={user}"),
            (owner, "/dashboard", "/dashboard"),
            (owner, "/usage", "/usage?period=12m"),
            (staff, "/admin", "/admin"),
        ]
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []
        self.stopped = threading.Event()

    def run(self, seconds: float) -> None:
        """Run the crowd that long, and wait until all have stopped."""
        self.stopped.clear()
        threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]
        threads += [threading.Thread(target=self._read, args=(n,)) for n in range(READERS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stopped.set()
        for thread in threads:
            thread.join()
        assert not self.failed, self.failed[:3]

    def percentile(self, name: str, percent: int = 95) -> float:
        """The seconds that so many of a hundred answers took at most."""
        return statistics.quantiles(self.taken[name], n=100)[percent - 1]

    def _write(self, number: int) -> None:
        interval, due = WRITERS / EVENTS, time.monotonic()
        while not self.stopped.is_set():
            key = self.world.keys[uuid4().int % len(self.world.keys)]
            self._post("record", "/api/v1/usage/events", key, {**EVENT, "id": str(uuid4()), "kind": f"kind-{number}"})
            due = max(due + interval, time.monotonic() - 1)
            self.stopped.wait(max(0.0, due - time.monotonic()))

    def _read(self, number: int) -> None:
        turn = number
        while not self.stopped.is_set():
            turn += 1
            visitor, name, path = self.reads[turn % len(self.reads)]
            try:
                self.taken[name].append(visitor.get(path)[0])
            except OSError as error:
                self.failed.append(f"{path}: {error}")
            self._post("check", "/api/v1/usage/check", self.world.keys[0], {"meter": "bench", "quantity": 1})
            self.stopped.wait(PAUSE)

    def _post(self, name: str, path: str, key: str, sent: dict[str, object]) -> None:
        asked = urllib.request.Request(
            self.base + path, data=json.dumps(sent).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )  # fmt: skip
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                answer.read()
        except OSError as error:
            self.failed.append(f"{path}: {error} {getattr(error, 'read', bytes)()[:300]!r}")
        self.taken[name].append(time.perf_counter() - started)


@contextmanager
def worker() -> Iterator[None]:
    """The product's worker beside the portal, which folds as it does everywhere."""
    child = subprocess.Popen([sys.executable, "-m", "app.worker"], cwd=PROJECT, env={**os.environ, **ENV},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        yield
        assert child.poll() is None, "the worker has ended"
    finally:
        child.terminate()
        child.wait()
