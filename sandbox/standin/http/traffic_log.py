"""Records calls, answers and events as JSON lines, to check them against Stripe's description."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from sandbox.standin.http.app import Exchange


class TrafficLog:
    """A file with one line per call and answer, and one per event."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = Lock()

    def exchange(self, exchange: Exchange) -> None:
        """Record a call and its answer."""
        self._write({"call": {**asdict(exchange.call), "authorization": ""}, "reply": asdict(exchange.reply)})

    def event(self, event: dict[str, Any]) -> None:
        """Record an event."""
        self._write({"event": event})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
