"""Reads the chains: an organisation's entries for its members, the installation's for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.audit.models import INSTALLATION, AuditEntry, AuditPerson
from app.kit.errors import NotFound
from app.kit.postgres.together import AnySelect, ask

WINDOW = 5_000
"""How many entries one page of a search looks through at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry with its personal part; `personal` is empty if there was none or it has been erased."""

    act: AuditEntry
    personal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Filters; None matches all. `action` is a prefix; `object` is a type, an id, or both as "type:id"."""

    action: str | None = None
    actor_id: UUID | None = None
    actor_kind: str | None = None
    object: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEntries:
    """A page of a search. `below` is where the next one goes on; None if the first entry has been reached."""

    entries: list[Entry]
    below: int | None


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
    query = _select_entries(org_id, below=below, action=action, actor_id=actor_id, on=on).limit(limit)
    return [Entry(act, personal or {}) for act, personal in ask(session, query)]


def select_entries(org_id: UUID | None, limit: int) -> AnySelect:
    """Select what `list_entries` lists without filters."""
    return _select_entries(org_id).limit(limit)


def _select_entries(
    org_id: UUID | None,
    *,
    below: int | None = None,
    action: str | None = None,
    actor_id: UUID | None = None,
    on: tuple[str, object] | None = None,
) -> AnySelect:
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
    return page.order_by(AuditEntry.seq.desc())


def get_entry(session: Session, entry_id: int) -> Entry:
    """One entry with its personal part. Raises `NotFound`."""
    query = select(AuditEntry, AuditPerson.data).outerjoin(AuditPerson).where(AuditEntry.id == entry_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such audit entry.")
    return Entry(row[0], row[1] or {})


def search_entries(
    session: Session,
    org_id: UUID | None,
    filters: EntryFilter,
    *,
    limit: int,
    below: int | None = None,
    window: int = WINDOW,
) -> FoundEntries:
    """Search the org's chain (None: the installation's) below a `seq`, newest first.

    Looks through at most `window` entries, so a page can hold fewer than `limit`, or none, and still have a next one.
    """
    chain = str(org_id) if org_id else INSTALLATION
    if below is None:
        newest = session.scalar(select(func.max(AuditEntry.seq)).where(AuditEntry.chain == chain))
        below = (newest or 0) + 1
    lowest = max(1, below - window)
    page = _filter(select(AuditEntry, AuditPerson.data).outerjoin(AuditPerson), filters)
    page = page.where(AuditEntry.chain == chain, AuditEntry.seq < below, AuditEntry.seq >= lowest)
    rows = session.execute(page.order_by(AuditEntry.seq.desc()).limit(limit + 1)).all()
    entries = [Entry(act, personal or {}) for act, personal in rows[:limit]]
    if len(rows) > limit:
        return FoundEntries(entries, entries[-1].act.seq)
    return FoundEntries(entries, lowest if lowest > 1 else None)


def _filter(page: Select[Any], filters: EntryFilter) -> Select[Any]:
    if filters.action is not None:
        page = page.where(AuditEntry.action.startswith(filters.action, autoescape=True))
    if filters.actor_id is not None:
        page = page.where(AuditEntry.actor_id == filters.actor_id)
    if filters.actor_kind is not None:
        page = page.where(AuditEntry.actor_kind == filters.actor_kind)
    if filters.object is not None:
        kind, name = AuditEntry.object_type, AuditEntry.object_id
        page = page.where(or_(*(each == filters.object for each in (name, kind, kind + ":" + name))))
    return page
