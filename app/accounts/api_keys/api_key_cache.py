"""Caches the API keys used in the last second, so that most requests need no query to identify the caller."""

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
from app.kit.postgres.pool import HotPool
from app.settings import Settings
from app.web.runtime import runtime

_MAX_KEYS = 50_000
# A query for one key also refreshes keys in use that are past half their lifetime, up to this many.
_REFRESH_COUNT = 200
_REFRESH_AFTER = 0.5
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
    """A key as read at `read_at` on the process's monotonic clock."""

    caller: Caller
    expires_at: datetime | None
    last_used_at: datetime | None
    read_at: float


class ApiKeyCache:
    """Looks keys up by their hash. Only existing keys are cached, so a new key works at once."""

    def __init__(self, pool: HotPool, pepper: str, max_age: timedelta = Settings.key_memory) -> None:
        """A revoked key stops working in every process after `max_age`."""
        self.last_used = LastUsed(pool)
        self._pool = pool
        self._pepper = pepper.encode()
        self._max_age = max_age.total_seconds()
        self._known: dict[bytes, KnownKey] = {}  # oldest first
        self._unused: set[bytes] = set()  # refreshed together with another key and not requested since

    def find(self, key: str) -> tuple[KnownKey | None, bool]:
        """Return the key (None if unknown or revoked) and whether this is its first use since it was read."""
        if len(key) != LENGTH:
            return None, False
        digest = hash_key(key, self._pepper)
        known = self._known.get(digest)
        # Monotonic: adjusting the system clock must not change the age of a cache entry.
        if known is not None and time.monotonic() - known.read_at < self._max_age:
            if digest not in self._unused:
                return known, False
            self._unused.discard(digest)
            return known, True
        if not is_well_formed(key):
            return None, False
        return self._read(digest), True

    def find_org(self, org_id: UUID) -> tuple[str, str, str | None] | None:
        """Name, zone and currency of the org that a staff key acts for."""
        with self._pool.connection() as connection:
            return connection.execute(_FIND_ORG, (org_id,)).fetchone()

    def clear(self) -> None:
        """Empty the cache, so that this process sees a revocation at once."""
        self._known.clear()
        self._unused.clear()

    def _read(self, digest: bytes) -> KnownKey | None:
        read_at = time.monotonic()
        refreshed = self._take_ageing(read_at - self._max_age * _REFRESH_AFTER)
        with self._pool.connection() as connection:
            rows = connection.execute(_FIND, ([digest, *refreshed],)).fetchall()
        for key_hash in (digest, *refreshed):
            self._known.pop(key_hash, None)
        if len(self._known) >= _MAX_KEYS:
            self.clear()
        loaded = {row[0]: _build_known_key(row, read_at) for row in rows}
        self._known.update(loaded)
        self._unused.update(loaded)
        self._unused.discard(digest)
        return loaded.get(digest)

    def _take_ageing(self, before: float) -> list[bytes]:
        """List the oldest keys read before then, to refresh them; drop those that nobody used since."""
        refreshed = []
        for digest in list(islice(self._known, _REFRESH_COUNT)):  # a copy, because other threads write meanwhile
            known = self._known.get(digest)
            if known is None or known.read_at >= before:
                continue
            if digest in self._unused:
                self._known.pop(digest, None)
                self._unused.discard(digest)
            else:
                refreshed.append(digest)
        return refreshed


def _build_known_key(row: tuple[Any, ...], read_at: float) -> KnownKey:
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
    """The cache of the running app."""
    extensions = current_app.extensions
    cache: ApiKeyCache | None = extensions.get("tollkeeper.keys")
    if cache is None:
        context = runtime()
        cache = extensions.setdefault(
            "tollkeeper.keys", ApiKeyCache(context.pool, context.settings.key_pepper, context.settings.key_memory)
        )
    return cache
