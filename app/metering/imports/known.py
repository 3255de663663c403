"""Finds which lines of a file are recorded already, and which import brought them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.recording.fingerprint import derive_key, hash_content
from app.metering.schemas import Event

_KNOWN = text("""
    SELECT asked.n, i.id, i.digest, i.file, i.started_at
    FROM unnest(CAST(:keys AS uuid[]), CAST(:contents AS uuid[])) WITH ORDINALITY asked (key, content, n)
    JOIN usage_keys k ON k.org_id = :org_id AND k.key = asked.key AND k.content = uuid_send(asked.content)
    LEFT JOIN usage_imports i ON i.id = k.import_id
    ORDER BY asked.n
""")


class KnownFrom(NamedTuple):
    """The import that brought an event; all None for an event that the API recorded."""

    import_id: UUID | None
    digest: str | None
    file: str | None
    started_at: datetime | None


def find_known(session: Session, org_id: UUID, events: Sequence[Event]) -> dict[int, KnownFrom]:
    """Return which of an org's events are recorded already, by index, with where they came from.

    Worked example: the second of three events came with `may.csv`: `{1: KnownFrom(…, "may.csv", …)}`.
    """
    asked = {
        "org_id": org_id,
        "keys": [derive_key(event.id) for event in events],
        "contents": [hash_content(event) for event in events],
    }
    return {
        row.n - 1: KnownFrom(row.id, row.digest, row.file, row.started_at) for row in session.execute(_KNOWN, asked)
    }
