"""The sign-in log: every sign-in and every refusal. Append-only."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.auth_models import SignInDetails, SignInEntry
from app.accounts.identity import RequestOrigin
from app.audit.queries import list_entries
from app.audit.service import write
from app.kit.actor import SYSTEM

SEALED = "sign_in_log.sealed"


def record(
    session: Session,
    outcome: str,
    origin: RequestOrigin,
    *,
    now: datetime,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    email: str | None = None,
) -> None:
    """Append an entry. `email` is stored only if no user has it; like the address, it can be erased."""
    details = {"address": origin.address, "agent": origin.agent, "email": email if user_id is None else None}
    salt = secrets.token_bytes(16)
    entry = SignInEntry(
        at=now,
        outcome=outcome,
        user_id=user_id,
        session_id=session_id,
        request_id=origin.request_id,
        details_hash=details_hash(salt, details),
    )
    session.add(entry)
    session.flush()
    session.add(SignInDetails(id=entry.id, salt=salt, details=details))
    session.flush()


def details_hash(salt: bytes, details: dict[str, Any]) -> bytes:
    """The salted hash of the erasable part; without the salt it reveals nothing about a person."""
    text = json.dumps(details, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(salt + text.encode()).digest()


def seal(session: Session, start: datetime, end: datetime, *, now: datetime) -> None:
    """Write the digest of the entries in `[start, end)` to the audit chain, unless the day is sealed already."""
    on = ("sign_in_log", start.date().isoformat())
    if list_entries(session, None, action=SEALED, on=on, limit=1):
        return
    count, digest = compute_digest(session, start, end)
    after = {"entries": count, "sha256": digest, "start": start, "end": end}
    write(session, SYSTEM, SEALED, on=on, after=after, now=now)


def find_broken_seals(session: Session) -> tuple[int, list[str]]:
    """Return how many days are sealed, and the days whose entries no longer match their seal."""
    sealed, broken, below = 0, [], None
    while page := list_entries(session, None, action=SEALED, below=below, limit=200):
        for entry in page:
            facts = entry.act.after or {}
            span = (datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"]))
            if compute_digest(session, *span) != (facts["entries"], facts["sha256"]):
                broken.append(entry.act.object_id)
        sealed, below = sealed + len(page), page[-1].act.seq
    return sealed, broken


def compute_digest(session: Session, start: datetime, end: datetime) -> tuple[int, str]:
    """The number of entries in `[start, end)` and the SHA-256 over all their columns, ordered by id."""
    span = select(SignInEntry).where(SignInEntry.at >= start, SignInEntry.at < end).order_by(SignInEntry.id)
    count, digest = 0, hashlib.sha256()
    for row in session.scalars(span.execution_options(yield_per=1000)):
        at = row.at.astimezone(UTC).isoformat()
        columns = (row.id, at, row.outcome, row.user_id, row.session_id, row.request_id, row.details_hash.hex())
        digest.update(json.dumps([str(column) for column in columns]).encode() + b"\n")
        count += 1
    return count, digest.hexdigest()
