"""Creates, renames, deletes and restores clients, the customers of an org. Usage keeps the label of a deleted client.

Events make the clients that they name first (`accounts_make_clients`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.models import Client
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotFound
from app.kit.ids import new_id


def create_client(
    session: Session, org_id: UUID, ref: str, name: str, *, actor: Actor, now: datetime, created_at: datetime
) -> Client:
    """Create a client with the host's own `ref`. A deleted client with that ref is restored under the new name, and one
    that an event made is renamed.

    `created_at` is business time, `now` wall time.

    Raises `Conflict` if the ref is in use.
    """
    values = {"id": new_id(), "org_id": org_id, "ref": ref, "name": name, "created_at": created_at}
    creation = insert(Client).values(values).on_conflict_do_nothing(index_elements=[Client.org_id, Client.ref])
    is_new = session.execute(creation.returning(Client.id)).first() is not None
    by_ref = select(Client).where(Client.org_id == org_id, Client.ref == ref).with_for_update()
    row = session.scalars(by_ref).one()
    if not is_new and row.deleted_at is None:
        if not row.made_by_event:
            raise Conflict(f"There is already a client with the reference {ref}.")
        return rename_client(session, org_id, row.id, name, actor=actor, now=now)
    row.name, row.deleted_at, row.made_by_event = name, None, False
    session.flush()
    action = "client.created" if is_new else "client.restored"
    write(session, actor, action, on=("client", row.id), org_id=org_id, personal={"ref": ref, "name": name}, now=now)
    return row


def rename_client(session: Session, org_id: UUID, client_id: UUID, name: str, *, actor: Actor, now: datetime) -> Client:
    """Rename a client; its ref, which is recorded on usage, stays."""
    row = queries.get_client(session, org_id, client_id)
    row.made_by_event = False
    if row.name != name:
        personal = {"before": row.name, "after": name}
        row.name = name
        session.flush()
        on = ("client", row.id)
        write(session, actor, "client.renamed", on=on, org_id=org_id, personal=personal, now=now)
    return row


def restore_client(session: Session, org_id: UUID, client_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Take a deletion back, if it was not. Usage that was rejected meanwhile stays rejected. Raises `NotFound`."""
    row = session.get(Client, client_id, with_for_update=True)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no such client.")
    if row.deleted_at is None:
        return
    row.deleted_at = None
    session.flush()
    personal = {"ref": row.ref, "name": row.name}
    write(session, actor, "client.restored", on=("client", row.id), org_id=org_id, personal=personal, now=now)


def delete_client(
    session: Session, org_id: UUID, client_id: UUID, *, actor: Actor, now: datetime, deleted_at: datetime
) -> None:
    """Delete a client as of business time: usage that happens later is rejected, recorded usage stays."""
    row = queries.get_client(session, org_id, client_id)
    row.deleted_at = deleted_at
    session.flush()
    write(session, actor, "client.deleted", on=("client", row.id), org_id=org_id, personal={"ref": row.ref}, now=now)
