"""Requests, responses and examples of the audit API."""

from __future__ import annotations

from typing import Any

import msgspec

from app.kit.fields import Instant, ShortText
from app.web.paging import Limit


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`org` is an organisation's id; `action` an action or its prefix; `next` the cursor from the previous page."""

    org: ShortText | None = None
    action: ShortText | None = None
    actor: ShortText | None = None
    object: ShortText | None = None
    limit: Limit = 50
    next: str | None = None


class AuditActor(msgspec.Struct):
    """Who acted: `kind` is user, key, staff, system or visitor, `id` the user's or key's."""

    kind: str
    id: str | None
    acting_for: str | None


class AuditEntryOut(msgspec.Struct):
    """An entry as it was written. `personal` is null if there was no personal part or it has been `erased`."""

    seq: int
    action: str
    actor: AuditActor
    object_type: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    at: Instant
    recorded_at: Instant
    request_id: str | None
    personal: dict[str, Any] | None
    erased: bool
    prev_hash: str
    hash: str


class AuditAnswer(msgspec.Struct):
    """Newest first; `next` is null once the first entry has been reached. `chain` is an org's id or "installation"."""

    chain: str
    entries: list[AuditEntryOut]
    next: str | None


_ORG = "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21"
ENTRIES = {
    "chain": _ORG,
    "entries": [
        {
            "seq": 2,
            "action": "member.role_changed",
            "actor": {"kind": "user", "id": "0199e7a0-5a3d-7a02-8f57-0c2a8f8d9b10", "acting_for": None},
            "object_type": "user",
            "object_id": "0199e7a0-6b11-7c55-a1de-5d7f0b2f3c44",
            "before": {"role": "member"},
            "after": {"role": "billing"},
            "at": "2026-11-21T12:00:00.123456Z",
            "recorded_at": "2026-11-21T12:00:00.123456Z",
            "request_id": "5f0c6a1e9b7d4c21",
            "personal": {"address": "203.0.113.7"},
            "erased": False,
            "prev_hash": "9c0b5ad2f1ce02d0f7a1a6e0c0a5f0e87a4a4a2cf4b51c6f0c3b1d6ad1f0e2b7",
            "hash": "3f1d7c9e5b0a46d2b8f1e7a3c05d9b6f2e8c4a1d7b3f9e5c0a6d2b8f4e1c7a93",
        }
    ],
    "next": "WyIyIl0",
}
