"""Writes calls, answers and events to a file, one JSON line each, to be checked against Stripe's description."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from sandbox.standin.http.app import Exchange


class TrafficLog:
    """A file that grows by a line for each call with its answer, and for each event."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = Lock()

    def exchange(self, seen: Exchange) -> None:
        """Keep a call and its answer."""
        self._write({"call": {**asdict(seen.call), "authorization": ""}, "reply": asdict(seen.reply)})

    def event(self, event: dict[str, Any]) -> None:
        """Keep an event as it is emitted."""
        self._write({"event": event})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
