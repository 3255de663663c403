"""Idempotency keys: one answer per key and day, even a 500; rejected while in use or with other parameters."""

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
class StoredAnswer:
    """A stored answer."""

    status: int
    body: str
    request: str


class IdempotencyKeys:
    """The keys in use in this process, and the stored answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    def claim(self, key: str, digest: str) -> StoredAnswer | None:
        """Return the stored answer, or None if the caller now holds the key and must `release` it.

        Raises 409 `idempotency_key_in_use`, or 400 `idempotency_error` for other parameters.
        """
        with self._lock:
            if key in self._busy:
                message = f"There is currently another in-progress request using this Idempotent Key ({key})."
                raise StripeError(409, "idempotency_error", message, code="idempotency_key_in_use")
            self._busy.add(key)
        try:
            stored = self._read(key, digest)
        except StripeError:
            self.release(key)
            raise
        if stored is not None:
            self.release(key)
        return stored

    def release(self, key: str) -> None:
        """Release the key after the work."""
        with self._lock:
            self._busy.discard(key)

    def keep(self, key: str, digest: str, stored: StoredAnswer) -> None:
        """Store the answer, in the change set of the work if there is one."""
        now = self.world.clock.now()
        with self.world.lock:
            self.world.store.db.execute("DELETE FROM answers WHERE at < ?", (now - KEPT_S,))
            self.world.store.db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (key, digest, stored.status, stored.body, stored.request, now),
            )

    def _read(self, key: str, digest: str) -> StoredAnswer | None:
        since = self.world.clock.now() - KEPT_S
        with self.world.lock:
            row = self.world.store.db.execute(
                "SELECT print, status, body, request FROM answers WHERE key = ? AND at >= ?", (key, since)
            ).fetchone()
        if row is None:
            return None
        if row[0] != digest:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise StripeError(400, "idempotency_error", message)
        return StoredAnswer(row[1], row[2], row[3])


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """A digest of what must be identical for an answer to be replayed."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
