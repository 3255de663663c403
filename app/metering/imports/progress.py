"""Tracks the progress of imports: one row per file and mapping, updated after every committed chunk."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.imports.column_mapping import Spec
from app.metering.imports.models import UsageImport

_START = text("""
    INSERT INTO usage_imports (digest, mapping, file, line, recorded, duplicates, bad, started_at, updated_at)
    VALUES (:digest, :mapping, :file, 0, 0, 0, 0, :now, :now)
    ON CONFLICT (digest, mapping) DO UPDATE SET (line, recorded, duplicates, bad, started_at, updated_at, finished_at)
        = (SELECT 0, 0, 0, 0, excluded.started_at, excluded.updated_at, CAST(NULL AS timestamptz))
        WHERE usage_imports.finished_at IS NOT NULL
""")


def hash_mapping(spec: Spec, *, bill: bool) -> str:
    """Hash a mapping, to tell one import of a file from another."""
    return hashlib.sha256(msgspec.json.encode([spec, bill], order="sorted")).hexdigest()


def start_import(session: Session, digest: str, mapping: str, file: str, now: datetime) -> UsageImport:
    """Start an import and return its progress row, or resume an interrupted one.

    A finished import starts from the beginning; its events are then duplicates.
    """
    session.execute(_START, {"digest": digest, "mapping": mapping, "file": file, "now": now})
    return session.get_one(UsageImport, (digest, mapping), populate_existing=True)
