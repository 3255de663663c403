"""Tracks the progress of imports: one row per file and mapping, updated after every committed chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.metering.imports.column_mapping import Spec
from app.metering.imports.models import UsageImport

_START = text("""
    INSERT INTO usage_imports (id, digest, mapping, file, line, recorded, duplicates, bad, brought, started_at,
                               updated_at)
    VALUES (:id, :digest, :mapping, :file, 0, 0, 0, 0, 0, :now, :now)
    ON CONFLICT (digest, mapping) DO UPDATE SET (line, recorded, duplicates, bad, started_at, updated_at, finished_at)
        = (SELECT 0, 0, 0, 0, excluded.started_at, excluded.updated_at, CAST(NULL AS timestamptz))
        WHERE usage_imports.finished_at IS NOT NULL
""")
_NAMESAKES = text("""
    SELECT i.id, i.mapping, i.brought, i.started_at FROM usage_imports i
    WHERE i.file = :file AND i.digest <> :digest
      AND NOT EXISTS (SELECT FROM usage_imports same WHERE same.digest = :digest)
    ORDER BY i.started_at
""")


def hash_mapping(spec: Spec, *, bill: bool) -> str:
    """Hash a mapping, to tell one import of a file from another."""
    return hashlib.sha256(msgspec.json.encode([spec, bill], order="sorted")).hexdigest()


def start_import(session: Session, digest: str, mapping: str, file: str, now: datetime) -> UsageImport:
    """Start an import and return its progress row, or resume an interrupted one.

    A finished import starts from the beginning; its events are then duplicates.
    """
    session.execute(_START, {"id": new_id(), "digest": digest, "mapping": mapping, "file": file, "now": now})
    return session.get_one(UsageImport, (digest, mapping), populate_existing=True)


def list_namesakes(session: Session, file: str, digest: str) -> Sequence[Row[Any]]:
    """List the imports of a file of the same name and other content; none if this content was begun before.

    Worked example: `may.csv` was imported, then corrected: one row, until the corrected file is begun.
    """
    return session.execute(_NAMESAKES, {"file": file, "digest": digest}).all()
