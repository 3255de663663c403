"""Writes audit entries in the transaction of the action itself, and erases personal data from them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.orm import Session

from app.audit.chain import as_json, entry_hash, genesis, personal_hash
from app.audit.models import INSTALLATION, AuditEntry, AuditHead, AuditPerson
from app.kit.actor import Actor
from app.kit.db import read_clocks

# One statement creates or locks the head and returns the hash that the new entry links to.
_CLAIM = text(
    "INSERT INTO audit_heads (chain, seq, hash) VALUES (:chain, 1, :genesis)"
    " ON CONFLICT (chain) DO UPDATE SET seq = audit_heads.seq + 1 RETURNING seq, hash"
)


def write(
    session: Session,
    actor: Actor,
    action: str,
    *,
    on: tuple[str, object],
    org_id: UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
    now: datetime,
) -> int:
    """Append an entry to the org's chain, or to the installation's if `org_id` is None; return its id.

    `action` is noun.verb ("member.role_changed"); `on` is the object's type and id. `before` and `after` hold only what
    changed and nothing personal: names, email addresses and the like go into `personal`, which can be erased and also
    receives the actor's address. Values are JSON, ids, times or decimals; a float raises `TypeError`. Entries are dated
    by both clocks of the session's transaction; `now` stands for both in a session without clocks, as tools have.

    The chain's head stays locked until the caller's transaction ends, so write last. A transaction that writes to
    several chains writes to orgs before the installation.
    """
    chain = str(org_id) if org_id else INSTALLATION
    at, wall_at = read_clocks(session, now)
    data, salt = _personal(actor, personal), secrets.token_bytes(16)
    fields = {
        "org_id": org_id,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "acting_for": actor.acting_for,
        "action": action,
        "object_type": on[0],
        "object_id": str(on[1]),
        "before": as_json(before),
        "after": as_json(after),
        "at": at,
        "wall_at": wall_at,
        "request_id": actor.request_id,
        "personal_hash": personal_hash(salt, data) if data else None,
    }
    entry_id = _append(session, chain, fields)
    if data:
        session.execute(insert(AuditPerson).values(entry_id=entry_id, salt=salt, data=data))
    return entry_id


def erase_person(session: Session, user_id: UUID) -> int:
    """Delete the personal part of every entry by or about the user; return how many were deleted.

    The entries stay, and their chain still verifies. Idempotent.
    """
    entry_ids = select(AuditEntry.id).where(
        or_(
            AuditEntry.actor_id == user_id,
            (AuditEntry.object_type == "user") & (AuditEntry.object_id == str(user_id)),
        )
    )
    deleted = session.execute(
        delete(AuditPerson).where(AuditPerson.entry_id.in_(entry_ids)).returning(AuditPerson.entry_id)
    )
    return len(deleted.all())


def _append(session: Session, chain: str, fields: dict[str, Any]) -> int:
    """Lock the chain's head, link the entry to it and insert it; return its id."""
    seq, prev_hash = session.execute(_CLAIM, {"chain": chain, "genesis": genesis(chain)}).one()
    linked = {**fields, "chain": chain, "seq": seq, "prev_hash": bytes(prev_hash)}
    linked["hash"] = entry_hash(linked)
    entry_id: int = session.execute(insert(AuditEntry).values(linked).returning(AuditEntry.id)).scalar_one()
    session.execute(update(AuditHead).where(AuditHead.chain == chain).values(hash=linked["hash"]))
    return entry_id


def _personal(actor: Actor, personal: Mapping[str, Any] | None) -> dict[str, Any]:
    data: dict[str, Any] = as_json(personal or {})
    return {"address": actor.address, **data} if actor.address else data
