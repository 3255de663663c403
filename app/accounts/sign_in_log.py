"""The sign-in log: every sign-in and every refusal, appended and never changed."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.credentials import SignInDetails, SignInEntry
from app.accounts.identity import Visit


def note(
    session: Session,
    outcome: str,
    visit: Visit,
    *,
    now: datetime,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    email: str | None = None,
) -> None:
    """Append an entry. `email` is kept only where no user carries it, and like the address it can be erased."""
    details = {"address": visit.address, "agent": visit.agent, "email": email if user_id is None else None}
    salt = secrets.token_bytes(16)
    entry = SignInEntry(
        at=now,
        outcome=outcome,
        user_id=user_id,
        session_id=session_id,
        request_id=visit.request_id,
        details_hash=details_hash(salt, details),
    )
    session.add(entry)
    session.flush()
    session.add(SignInDetails(id=entry.id, salt=salt, details=details))
    session.flush()


def details_hash(salt: bytes, details: dict[str, Any]) -> bytes:
    """The salted hash of the erasable part; without the salt it says nothing of a person."""
    words = json.dumps(details, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(salt + words.encode()).digest()
