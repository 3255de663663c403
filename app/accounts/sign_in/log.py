"""The sign-in log: every sign-in and every refusal. Append-only."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.auth_models import SignInDetails, SignInEntry
from app.accounts.identity import RequestOrigin
from app.audit.queries import Entry, list_entries
from app.audit.service import write
from app.kit.actor import SYSTEM

SEALED = "sign_in_log.sealed"
DAY = timedelta(days=1)


@dataclass(slots=True)
class SealReport:
    """How many days are sealed, the days whose entries no longer match their seal, and closed days without one."""

    sealed: int = 0
    broken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


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


def list_unsealed_days(session: Session, midnight: datetime) -> list[datetime]:
    """The days (UTC) from the end of the last seal, or from the first entry, to `midnight`: closed and not sealed."""
    newest = list_entries(session, None, action=SEALED, limit=1)
    first = _span(newest[0])[1] if newest else _first_day(session)
    if first is None:
        return []
    return [first + n * DAY for n in range((midnight - first) // DAY)]


def check_seals(session: Session, midnight: datetime) -> SealReport:
    """Compare every sealed day with its seal, and look for days before `midnight` without one."""
    report, below, begun = SealReport(), None, None
    missing = {day.date().isoformat() for day in list_unsealed_days(session, midnight)}  # and those between two seals
    while page := list_entries(session, None, action=SEALED, below=below, limit=200):
        for entry in page:
            start, end = _span(entry)
            facts = entry.act.after or {}
            if compute_digest(session, start, end) != (facts["entries"], facts["sha256"]):
                report.broken.append(entry.act.object_id)
            missing |= _days(end, begun) if begun else set()
            begun = start
        report.sealed, below = report.sealed + len(page), page[-1].act.seq
    first = _first_day(session)
    report.missing.extend(sorted(missing | (_days(first, begun) if first and begun else set())))
    return report


def _span(seal_entry: Entry) -> tuple[datetime, datetime]:
    facts = seal_entry.act.after or {}
    return datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"])


def _days(start: datetime, end: datetime) -> set[str]:
    return {(start + n * DAY).date().isoformat() for n in range((end - start) // DAY)}


def _first_day(session: Session) -> datetime | None:
    first = session.scalar(select(func.min(SignInEntry.at)))
    return first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) if first else None


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
