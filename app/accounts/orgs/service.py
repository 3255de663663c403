"""Creates organisations, changes their settings and selects the one to work in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.auth_models import DeviceSession
from app.accounts.models import Membership, Org
from app.accounts.roles import OWNER
from app.audit.service import write
from app.kit.actor import Actor
from app.kit.ids import new_id


def create_org(
    session: Session,
    name: str,
    *,
    owner_id: UUID | None,
    actor: Actor,
    now: datetime,
    opened_at: datetime,
    time_zone: str = "UTC",
    currency: str | None = None,
) -> Org:
    """Create an org. It has a first owner, unless an import creates it.

    `opened_at` is business time, from which usage periods are counted; `now` is wall time.
    """
    org = Org(id=new_id(), name=name, time_zone=time_zone, currency=currency, address={}, created_at=opened_at)
    session.add(org)
    session.flush()
    if owner_id is not None:
        session.add(Membership(org_id=org.id, user_id=owner_id, role=OWNER, created_at=now))
        session.flush()
    after = {"time_zone": time_zone, "owner": str(owner_id) if owner_id else None}
    on = ("org", org.id)
    write(session, actor, "org.created", on=on, org_id=org.id, after=after, personal={"name": name}, now=now)
    return org


def fix_currency(session: Session, org_id: UUID, currency: str) -> None:
    """Fix the org's currency at its first payment; no effect afterwards."""
    unset = update(Org).where(Org.id == org_id, Org.currency.is_(None))
    session.execute(unset.values(currency=currency))


def change_settings(
    session: Session,
    org_id: UUID,
    *,
    name: str,
    time_zone: str,
    clients_listed_only: bool,
    actor: Actor,
    now: datetime,
) -> Org:
    """Change an org's details. The currency is fixed by the first payment and cannot be changed here."""
    org = queries.get_org(session, org_id)
    before = _settings(org)
    org.name, org.time_zone = name, time_zone
    org.clients_listed_only = clients_listed_only
    session.flush()
    after = _settings(org)
    changed = {name for name in after if after[name] != before[name]}
    if changed:
        # A personal org carries its owner's name, so the values are erasable; the names of the fields stay.
        personal = {"before": _pick(before, changed), "after": _pick(after, changed)}
        facts = {"changed": sorted(changed)}
        write(session, actor, "org.changed", on=("org", org.id), org_id=org.id, after=facts, personal=personal, now=now)
    return org


def choose_org(session: Session, user_id: UUID, session_id: UUID, org_id: UUID, *, now: datetime) -> None:
    """Switch this device, and new sessions, to another of the user's orgs; `NotFound` if they are not a member."""
    queries.get_org(session, org_id)
    queries.get_membership(session, org_id, user_id).chosen_at = now
    device = (DeviceSession.id == session_id) & (DeviceSession.user_id == user_id)
    session.execute(update(DeviceSession).where(device).values(org_id=org_id))
    session.flush()


def _settings(org: Org) -> dict[str, object]:
    return {"name": org.name, "time_zone": org.time_zone, "clients_listed_only": org.clients_listed_only}


def _pick(values: dict[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name in names}
