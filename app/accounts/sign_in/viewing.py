"""Staff look at an org's own pages: opened for a session, for half an hour at most, and audited at both ends.

While a view is open the session is that of a viewer of the org (`session_user`); what it may ask is the access table's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts.auth_models import DeviceSession, OrgView
from app.accounts.identity import Caller
from app.accounts.queries import get_org
from app.audit.service import write
from app.kit.actor import SYSTEM, Actor
from app.kit.errors import Conflict
from app.kit.ids import new_id

VIEW_LASTS = timedelta(minutes=30)


def open_view(
    session: Session, org_id: UUID, user_id: UUID, session_id: UUID, *, actor: Actor, now: datetime
) -> datetime:
    """Open an org's pages to one of the staff, in a session of theirs; return when that ends. `now` is wall time.

    Raises `NotFound` (org), and `Conflict` if the session has a view open.
    """
    get_org(session, org_id)
    values = {
        "id": new_id(), "session_id": session_id, "user_id": user_id, "org_id": org_id, "opened_at": now,
        "ends_at": now + VIEW_LASTS,
    }  # fmt: skip
    opened = insert(OrgView).values(values).on_conflict_do_nothing().returning(OrgView.ends_at)
    ends_at = session.execute(opened).scalar_one_or_none()
    if ends_at is None:
        raise Conflict("You are viewing an organisation's pages already. Stop that first.")
    write(session, actor, "org.view_opened", on=("org", org_id), org_id=org_id, after={"ends_at": ends_at}, now=now)
    return ends_at


def close_view(session: Session, caller: Caller, why: str, *, now: datetime) -> bool:
    """Close the caller's view, if they have one that is open. Idempotent. `now` is wall time."""
    return caller.viewing is not None and _close(session, caller.viewing.id, why, actor=caller.actor, now=now)


def sweep_views(session: Session, now: datetime) -> int:
    """Close views that have ended, or whose session has; return how many. `now` is wall time."""
    alive = exists().where(DeviceSession.id == OrgView.session_id)
    over = select(OrgView.id, alive).where(OrgView.closed_at.is_(None), or_(OrgView.ends_at <= now, ~alive))
    closed = 0
    for view_id, signed_in in session.execute(over.order_by(OrgView.org_id, OrgView.id)).all():
        why = "expired" if signed_in else "session_ended"
        closed += _close(session, view_id, why, actor=SYSTEM, now=now)
    return closed


def _close(session: Session, view_id: UUID, why: str, *, actor: Actor, now: datetime) -> bool:
    closing = update(OrgView).where(OrgView.id == view_id, OrgView.closed_at.is_(None)).values(closed_at=now)
    row = session.execute(closing.returning(OrgView.org_id, OrgView.user_id)).one_or_none()
    if row is None:
        return False
    after = {"reason": why, "viewer_id": row.user_id}
    write(session, actor, "org.view_closed", on=("org", row.org_id), org_id=row.org_id, after=after, now=now)
    return True
