"""The API keys that this process has met in the last second: one statement, then memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from flask import current_app

from app.accounts.api_keys.key_format import LENGTH, hash_key, is_well_formed
from app.accounts.api_keys.last_used import LastUsed
from app.accounts.identity import Caller
from app.kit.pool import HotPool
from app.settings import Settings
from app.web.runtime import runtime

_MOST_KEPT = 50_000
# One statement renews all that were asked for lately and are half way to their end, this many at most.
_RENEWED = 200
_RENEW_AFTER = 0.5
_FIND = """
SELECT key.key_hash, key.id, key.org_id, key.scopes, key.expires_at, key.last_used_at,
       org.name, org.time_zone, org.currency, org.suspended_at IS NOT NULL OR org.deleted_at IS NOT NULL
FROM api_keys key LEFT JOIN orgs org ON org.id = key.org_id
WHERE key.key_hash = ANY (%s) AND key.revoked_at IS NULL
"""
_FIND_ORG = """
SELECT name, time_zone, currency FROM orgs WHERE id = %s AND deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as read at `read_at` of the process's own steady clock."""

    caller: Caller
    expires_at: datetime | None
    last_used_at: datetime | None
    read_at: float


class ApiKeyCache:
    """Finds keys by their hash. Only keys that exist are kept, so that a new one works at once."""

    def __init__(self, pool: HotPool, pepper: str, kept: timedelta = Settings.key_memory) -> None:
        """A revoked key ends after `kept` in every process."""
        self.last_used = LastUsed(pool)
        self._pool = pool
        self._pepper = pepper.encode()
        self._kept = kept.total_seconds()
        self._known: dict[bytes, KnownKey] = {}  # the longest known first
        self._unmet: set[bytes] = set()  # renewed beside another key, and not asked for since

    def find(self, key: str) -> tuple[KnownKey | None, bool]:
        """The open or expired key of this text (None: unknown), and whether it was read since last asked for."""
        if len(key) != LENGTH:
            return None, False
        digest = hash_key(key, self._pepper)
        known = self._known.get(digest)
        # The age of a memory is no instant of the domain: a steady clock, that no correction of the time moves.
        if known is not None and time.monotonic() - known.read_at < self._kept:
            if digest not in self._unmet:
                return known, False
            self._unmet.discard(digest)
            return known, True
        if not is_well_formed(key):
            return None, False
        return self._read(digest), True

    def find_org(self, org_id: UUID) -> tuple[str, str, str | None] | None:
        """Name, zone and currency of the org that a staff key acts for."""
        with self._pool.connection() as connection:
            return connection.execute(_FIND_ORG, (org_id,)).fetchone()

    def forget(self) -> None:
        """Drop what is known, so that this process sees a revocation at once."""
        self._known.clear()
        self._unmet.clear()

    def _read(self, digest: bytes) -> KnownKey | None:
        read_at = time.monotonic()
        renewed = self._ageing(read_at - self._kept * _RENEW_AFTER)
        with self._pool.connection() as connection:
            rows = connection.execute(_FIND, ([digest, *renewed],)).fetchall()
        for each in (digest, *renewed):
            self._known.pop(each, None)
        if len(self._known) >= _MOST_KEPT:
            self.forget()
        found = {row[0]: _known(row, read_at) for row in rows}
        self._known.update(found)
        self._unmet.update(found)
        self._unmet.discard(digest)
        return found.get(digest)

    def _ageing(self, before: float) -> list[bytes]:
        """The keys longest known, read before then; those that nobody sent since are let go."""
        renewed = []
        for digest in list(islice(self._known, _RENEWED)):  # at one go: other threads write meanwhile
            known = self._known.get(digest)
            if known is None or known.read_at >= before:
                continue
            if digest in self._unmet:
                self._known.pop(digest, None)
                self._unmet.discard(digest)
            else:
                renewed.append(digest)
        return renewed


def _known(row: tuple[Any, ...], read_at: float) -> KnownKey:
    _, key_id, org_id, scopes, expires_at, last_used_at, org_name, time_zone, currency, suspended = row
    caller = Caller(
        "staff_key" if org_id is None else "key",
        org_id=org_id,
        scopes=frozenset(scopes),
        staff=org_id is None,
        suspended=bool(suspended),
        org_name=org_name,
        time_zone=time_zone or "UTC",
        currency=currency,
        key_id=key_id,
    )
    return KnownKey(caller, expires_at, last_used_at, read_at)


def api_key_cache() -> ApiKeyCache:
    """The running app's own."""
    extensions = current_app.extensions
    book: ApiKeyCache | None = extensions.get("tollkeeper.keys")
    if book is None:
        held = runtime()
        book = extensions.setdefault(
            "tollkeeper.keys", ApiKeyCache(held.pool, held.settings.key_pepper, held.settings.key_memory)
        )
    return book
