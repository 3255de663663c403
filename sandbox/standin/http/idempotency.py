"""Idempotency keys: one answer per key and day, also a 500; refused while in use or with other parameters."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from typing import Any

from sandbox.standin.errors import StripeError
from sandbox.standin.store.world import World

KEPT_S = 24 * 3600


@dataclass(frozen=True)
class KeptAnswer:
    """An answer that was given under a key."""

    status: int
    body: str
    request: str


class IdempotencyKeys:
    """The keys at work in this process, and the answers in the file."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    def claim(self, key: str, digest: str) -> KeptAnswer | None:
        """The answer to repeat, or None when the caller now holds the key and must `release` it.

        Raises 409 `idempotency_key_in_use`, or 400 `idempotency_error` for other parameters.
        """
        with self._lock:
            if key in self._busy:
                words = f"There is currently another in-progress request using this Idempotent Key ({key})."
                raise StripeError(409, "idempotency_error", words, code="idempotency_key_in_use")
            self._busy.add(key)
        try:
            kept = self._read(key, digest)
        except StripeError:
            self.release(key)
            raise
        if kept is not None:
            self.release(key)
        return kept

    def release(self, key: str) -> None:
        """The work under the key has ended."""
        with self._lock:
            self._busy.discard(key)

    def keep(self, key: str, digest: str, kept: KeptAnswer) -> None:
        """Write the answer down; in the change set of the work, when there is one."""
        now = self.world.clock.now()
        with self.world.lock:
            self.world.store.db.execute("DELETE FROM answers WHERE at < ?", (now - KEPT_S,))
            self.world.store.db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (key, digest, kept.status, kept.body, kept.request, now),
            )

    def _read(self, key: str, digest: str) -> KeptAnswer | None:
        since = self.world.clock.now() - KEPT_S
        with self.world.lock:
            row = self.world.store.db.execute(
                "SELECT print, status, body, request FROM answers WHERE key = ? AND at >= ?", (key, since)
            ).fetchone()
        if row is None:
            return None
        if row[0] != digest:
            words = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise StripeError(400, "idempotency_error", words)
        return KeptAnswer(row[1], row[2], row[3])


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """What must be the same for an answer to be repeated."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
