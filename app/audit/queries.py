"""Reads the chains: an organisation's entries for its members, the installation's for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import INSTALLATION, AuditEntry, AuditPerson


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry with its personal part; `personal` is empty if there was none or it has been erased."""

    act: AuditEntry
    personal: dict[str, Any]


def keep_changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leave out of both states what did not change, also inside nested objects. Pure.

    Worked example: {"plan": "free", "seats": 3} and {"plan": "pro", "seats": 3} keep {"plan": "free"}, {"plan": "pro"}.
    """
    old, new = dict(before or {}), dict(after or {})
    for name in [name for name in old if name in new]:
        if old[name] == new[name]:
            del old[name], new[name]
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            old[name], new[name] = keep_changes(old[name], new[name])
    return old, new


def list_entries(
    session: Session,
    org_id: UUID | None,
    *,
    limit: int = 50,
    below: int | None = None,
    action: str | None = None,
    actor_id: UUID | None = None,
    on: tuple[str, object] | None = None,
) -> list[Entry]:
    """List a page of the org's chain (None: the installation's), newest first.

    `below` is the `seq` of the last entry on the previous page. Filters: an action, an actor, an object (type, id).
    """
    chain = str(org_id) if org_id else INSTALLATION
    page = select(AuditEntry, AuditPerson.data).outerjoin(AuditPerson).where(AuditEntry.chain == chain)
    if below is not None:
        page = page.where(AuditEntry.seq < below)
    if action is not None:
        page = page.where(AuditEntry.action == action)
    if actor_id is not None:
        page = page.where(AuditEntry.actor_id == actor_id)
    if on is not None:
        page = page.where(AuditEntry.object_type == on[0], AuditEntry.object_id == str(on[1]))
    rows = session.execute(page.order_by(AuditEntry.seq.desc()).limit(limit))
    return [Entry(act, personal or {}) for act, personal in rows]
