"""The user of a session, read in one statement with their membership and organisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask_login import AnonymousUserMixin, UserMixin
from sqlalchemy.orm import Session

from app.accounts.identity import ORG_CHOICES_SQL, VISITOR, Caller, OrgChoice, Viewing
from app.accounts.roles import VIEWER
from app.accounts.sign_in.sessions import IDLE
from app.accounts.tokens import digest_token
from app.web.runtime import runtime

SEEN_EVERY = timedelta(minutes=1)

_SESSION = """
SELECT s.id, s.user_id, s.last_seen_at, s.authenticated_at, u.email, u.name, u.staff, u.staff_owner,
       u.theme,
       u.email_verified_at IS NOT NULL, o.id, m.role, o.name, o.time_zone, o.currency, o.suspended_at IS NOT NULL,
       ARRAY(SELECT json_build_array(choice.id, choice.name, choice.role) FROM ({choices}) choice),
       v.id, v.org_id, v.ends_at,
       v.closed_at IS NOT NULL OR v.ends_at <= %(now)s OR NOT u.staff OR seen.id IS NULL,
       seen.name, seen.time_zone, seen.currency, seen.suspended_at IS NOT NULL
FROM sessions s
JOIN users u ON u.id = s.user_id AND u.disabled_at IS NULL AND u.deleted_at IS NULL
LEFT JOIN memberships m ON m.org_id = s.org_id AND m.user_id = s.user_id
LEFT JOIN orgs o ON o.id = m.org_id AND o.deleted_at IS NULL
LEFT JOIN org_views v ON v.session_id = s.id AND v.left_at IS NULL
LEFT JOIN orgs seen ON seen.id = v.org_id AND seen.deleted_at IS NULL
WHERE s.expires_at > %(now)s AND s.last_seen_at > %(now)s - %(idle)s
""".format(choices=ORG_CHOICES_SQL.format(user="s.user_id"))  # noqa: S608  # nosec B608  # fixed words
_FIND_SESSION = f"{_SESSION} AND s.token_hash = %(digest)s"
_HOLD_SESSION = f"{_SESSION} AND s.id = %(id)s FOR SHARE OF s, u"  # no input
_MARK_SEEN = """
UPDATE sessions SET last_seen_at = %(now)s, address = %(address)s
WHERE id = %(id)s AND last_seen_at <= %(now)s - %(every)s
"""


class SessionUser(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    """Flask-Login's user. Its id is the session's token: the cookie names a row that can be deleted, never a user."""

    def __init__(self, token: str, row: Sequence[Any]) -> None:
        self._token = token
        self.session_id: UUID = row[0]
        self.user_id: UUID = row[1]
        self.caller = _build_caller(row)

    def get_id(self) -> str:
        return self._token


class Visitor(AnonymousUserMixin):  # type: ignore[misc]  # as above
    """Nobody is signed in."""

    caller = VISITOR


def find_session_user(token: str, address: str | None, *, now: datetime) -> SessionUser | None:
    """The user of an open session, or None. Marks the session as seen from `address`, at most once a minute."""
    with runtime().pool.connection() as connection:
        row = connection.execute(_FIND_SESSION, {"digest": digest_token(token), "now": now, "idle": IDLE}).fetchone()
        if row is None:
            return None
        if now - row[2] >= SEEN_EVERY:
            values = {"id": row[0], "now": now, "address": address, "every": SEEN_EVERY}
            connection.execute(_MARK_SEEN, values)
    return SessionUser(token, row)


def hold_session(session: Session, session_id: UUID | None, *, now: datetime) -> Caller | None:
    """Read an open session again and lock it and its user for sharing, until the transaction ends."""
    values = {"id": session_id, "now": now, "idle": IDLE}
    row = session.connection().exec_driver_sql(_HOLD_SESSION, values).fetchone()
    return _build_caller(tuple(row)) if row is not None else None


def _build_caller(row: Sequence[Any]) -> Caller:
    session_id, user_id, _, authenticated_at, email, name, staff, staff_owner, theme, verified, *org = row
    org_id, role, org_name, time_zone, currency, suspended, choices, *view = org
    own = Caller(
        "user",
        user_id=user_id,
        org_id=org_id,
        role=role if org_id else None,
        staff=staff,
        staff_owner=staff_owner,
        verified=verified,
        suspended=bool(suspended),
        email=email,
        name=name,
        org_name=org_name,
        time_zone=time_zone or "UTC",
        currency=currency,
        theme=theme,
        session_id=session_id,
        authenticated_at=authenticated_at,
        orgs=tuple(OrgChoice(UUID(choice), *told) for choice, *told in choices),
    )
    return own if view[0] is None else _as_viewer(own, view)


def _as_viewer(own: Caller, view: Sequence[Any]) -> Caller:
    """One of the staff as a viewer of the org that they look at; once the view is over, of none."""
    view_id, org_id, ends_at, over, org_name, time_zone, currency, suspended = view
    viewing = Viewing(view_id, org_id, ends_at, over)
    nobody = replace(
        own, staff=False, staff_owner=False, org_id=None, role=None, org_name=None, orgs=(), viewing=viewing
    )
    if over:
        return nobody
    return replace(
        nobody,
        org_id=org_id,
        role=VIEWER,
        org_name=org_name,
        time_zone=time_zone,
        currency=currency,
        suspended=suspended,
    )
