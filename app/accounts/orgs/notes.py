"""Staff's notes on an org: for staff alone, bounded, and audited without their words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.orm import Session

from app.accounts.models import Org, OrgNote, User
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotAllowed, NotFound
from app.kit.ids import new_id

MOST_NOTES = 200
"""How many notes an org can have."""


def list_notes(session: Session, org_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` notes on an org written before the one with this id, newest first, with their authors' names."""
    page = (
        select(OrgNote.id, OrgNote.words, OrgNote.created_at, OrgNote.author_id, User.name.label("author"))
        .join(User, User.id == OrgNote.author_id)
        .where(OrgNote.org_id == org_id)
    )
    if before is not None:
        page = page.where(OrgNote.id < before)
    rows: Sequence[Row[Any]] = session.execute(page.order_by(OrgNote.id.desc()).limit(limit)).all()  # type: ignore[assignment]  # rows of five
    return rows


def may_delete_note(author_id: UUID, user_id: UUID | None, *, staff_owner: bool) -> bool:
    """Whether one of the staff may delete a note: who wrote it, and owners of the staff."""
    return staff_owner or author_id == user_id


def write_note(session: Session, org_id: UUID, words: str, *, actor: Actor, now: datetime) -> UUID:
    """Note something on an org; return the note's id. `now` is business time.

    Raises `NotFound`, and `Conflict` if the org has `MOST_NOTES`.
    """
    org = session.get(Org, org_id, with_for_update={"key_share": True})  # writers take turns; usage does not wait
    if org is None or org.deleted_at is not None:
        raise NotFound("There is no such organisation.")
    if actor.id is None:
        raise NotAllowed("A note needs somebody who wrote it.")
    count = session.scalar(select(func.count()).where(OrgNote.org_id == org_id)) or 0
    if count >= MOST_NOTES:
        raise Conflict(f"This organisation has {MOST_NOTES} notes. Delete one first.")
    note = OrgNote(id=new_id(), org_id=org_id, author_id=actor.id, words=words, created_at=now)
    session.add(note)
    session.flush()
    _audit(session, actor, "note.written", note, now)
    return note.id


def delete_note(
    session: Session, org_id: UUID, note_id: UUID, *, staff_owner: bool, actor: Actor, now: datetime
) -> None:
    """Delete a note on an org. Raises `NotFound`, and `NotAllowed` unless the actor wrote it or owns the staff."""
    note = session.get(OrgNote, note_id, with_for_update=True)
    if note is None or note.org_id != org_id:
        raise NotFound("There is no such note.")
    if not may_delete_note(note.author_id, actor.id, staff_owner=staff_owner):
        raise NotAllowed("A note is deleted by who wrote it, or by an owner of the staff.")
    session.execute(delete(OrgNote).where(OrgNote.id == note_id))
    _audit(session, actor, "note.deleted", note, now)


def _audit(session: Session, actor: Actor, action: str, note: OrgNote, now: datetime) -> None:
    """An entry with the author and the length: the words may name persons, and go with the note."""
    side = {"author_id": note.author_id, "characters": len(note.words)}
    before, after = (side, None) if action == "note.deleted" else (None, side)
    write(session, actor, action, on=("note", note.id), org_id=note.org_id, before=before, after=after, now=now)
