"""Encodes values as PostgreSQL array literals: faster than binding lists, whose values psycopg adapts one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID


def encode_plain(values: Iterable[str]) -> str:
    """Encode values that need no quotes: numbers, hex, ISO times."""
    return "{" + ",".join(values) + "}"


def encode_ids(ids: Iterable[UUID]) -> str:
    """Encode ids as `uuid[]`."""
    return encode_plain([each.hex for each in ids])


def encode_times(times: Iterable[datetime]) -> str:
    """Encode instants as `timestamptz[]`. Those of a batch are mostly equal."""
    return encode_plain(map(cache(datetime.isoformat), times))


def encode_keys(keys: Sequence[tuple[UUID, datetime]]) -> dict[str, str]:
    """Encode periods, each named by its org and start, as the parallel arrays `orgs` and `starts`."""
    return {"orgs": encode_ids(org_id for org_id, _ in keys), "starts": encode_times(start for _, start in keys)}
