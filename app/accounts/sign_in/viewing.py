"""Staff look at an org's own pages: opened for a session, for half an hour at most, and audited at both ends.

While a view is open the session is that of a viewer of the org (`session_user`); what it may ask is the access table's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, exists, or_, select
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
    """Make the session the caller's own again, and close their view if it is open. Idempotent. `now` is wall time."""
    view = caller.viewing
    return view is not None and _close(session, view.id, why, leaves=True, actor=caller.actor, now=now)


def sweep_views(session: Session, now: datetime) -> int:
    """Close views that have ended, or whose session has; return how many. `now` is wall time.

    A session that goes on does not leave its view here: its next request has to be told that the view has ended.
    """
    alive = exists().where(DeviceSession.id == OrgView.session_id)
    ended = and_(OrgView.closed_at.is_(None), OrgView.ends_at <= now)
    over = select(OrgView.id, alive).where(OrgView.left_at.is_(None), or_(ended, ~alive))
    closed = 0
    # a request locks its view before the org's log; so are all of these, but those that a request is closing
    found = over.order_by(OrgView.org_id, OrgView.id).with_for_update(of=OrgView, skip_locked=True)
    for view_id, signed_in in session.execute(found).all():
        why = "expired" if signed_in else "session_ended"
        closed += _close(session, view_id, why, leaves=not signed_in, actor=SYSTEM, now=now)
    return closed


def _close(session: Session, view_id: UUID, why: str, *, leaves: bool, actor: Actor, now: datetime) -> bool:
    view = session.get_one(OrgView, view_id, with_for_update=True, populate_existing=True)
    was_open = view.closed_at is None
    view.closed_at = view.closed_at or now
    if leaves:
        view.left_at = view.left_at or now
    session.flush()
    if was_open:
        after = {"reason": why, "viewer_id": view.user_id}
        write(session, actor, "org.view_closed", on=("org", view.org_id), org_id=view.org_id, after=after, now=now)
    return was_open
