"""The portal's API as a host product calls it: with a key, over the wire."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from itertools import count
from typing import Any

_numbers = count(1)


@dataclass(frozen=True)
class Caller:
    """Somebody with an API key."""

    base: str
    key: str

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body."""
        return self._call(path, None)

    def send(self, meter: str, quantity: int) -> tuple[int, Any]:
        """Report one event with an id of its own."""
        event = {"id": f"journey-{next(_numbers)}", "meter": meter, "quantity": quantity}
        return self._call("/usage/events", json.dumps(event).encode())

    def _call(self, path: str, body: bytes | None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}/api/v1{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)
