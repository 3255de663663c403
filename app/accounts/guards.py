"""Access checks: identify the caller by session cookie or API key, and check a key's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Request, request
from sqlalchemy.orm import Session

from app.accounts.api_keys.api_key_cache import ApiKeyCache, api_key_cache
from app.accounts.identity import VISITOR, Caller
from app.accounts.membership_lock import lock_membership
from app.accounts.sign_in.cookies import session_cookie_name
from app.accounts.sign_in.sessions import IDLE
from app.accounts.tokens import digest_token
from app.kit.errors import FieldError, InvalidRequest, NotAllowed, NotFound
from app.kit.ids import parse_id
from app.web.runtime import runtime, wall_now

SEEN_EVERY = timedelta(minutes=1)
STAFF_ORG_HEADER = "HTTP_TOLLKEEPER_ORGANIZATION"
API_PREFIX = "/api/"
# Kept in the request's environ: `g` belongs to the application context, which may outlive a request.
_CALLER_KEY = "tollkeeper.caller"

_SESSION = """
SELECT s.id, s.user_id, s.last_seen_at, s.authenticated_at, u.email, u.name, u.staff, u.theme,
       u.email_verified_at IS NOT NULL, o.id, m.role, o.name, o.time_zone, o.currency, o.suspended_at IS NOT NULL,
       (SELECT count(*) FROM memberships mine WHERE mine.user_id = s.user_id)
FROM sessions s
JOIN users u ON u.id = s.user_id AND u.disabled_at IS NULL AND u.deleted_at IS NULL
LEFT JOIN memberships m ON m.org_id = s.org_id AND m.user_id = s.user_id
LEFT JOIN orgs o ON o.id = m.org_id AND o.deleted_at IS NULL
WHERE s.expires_at > %(now)s AND s.last_seen_at > %(now)s - %(idle)s
"""
_FIND_SESSION = f"{_SESSION} AND s.token_hash = %(digest)s"
_HOLD_SESSION = f"{_SESSION} AND s.id = %(id)s FOR SHARE OF s, u"  # no input
_MARK_SEEN = """
UPDATE sessions SET last_seen_at = %(now)s, address = %(address)s
WHERE id = %(id)s AND last_seen_at <= %(now)s - %(every)s
"""
# The scopes that a staff key has in the org it names.
_COVERED_SCOPES = {
    "admin:read": frozenset({"usage:read", "billing:read"}),
    "admin:write": frozenset({"usage:write", "jobs:write", "billing:write"}),
}


class InvalidKey(NotAllowed):
    """The key is missing, malformed, unknown, revoked or expired; the message does not say which."""

    code = "invalid_key"


def caller() -> Caller:
    """The caller of this request. Under /api/ only a key counts, elsewhere only the session cookie."""
    environ = request.environ
    known: Caller | None = environ.get(_CALLER_KEY)
    if known is not None:
        return known
    # Set before the query: if the database is down, the error page asks for the caller again.
    identified = environ[_CALLER_KEY] = VISITOR
    if not request.path.startswith(API_PREFIX):
        identified = environ[_CALLER_KEY] = identify_session(request) or VISITOR
    return identified


def acting_org() -> UUID:
    """The org that the caller acts for; raises `InvalidRequest` if a staff key names none."""
    org_id = caller().org_id
    if org_id is None:
        raise InvalidRequest("Name the organisation to act for.")
    return org_id


def reread_caller(session: Session) -> Caller:
    """Read the signed-in caller again, inside the transaction that acts; the rest of the request uses this value.

    The lock on the org's membership is taken before any other row and held until the commit, and so are session and
    user: whoever takes a role, a session or an account away waits for this act, or this act does not see it any more.
    Raises `sign_in_required` if the session has ended.
    """
    known = caller()
    lock_membership(session, known.org_id, known.user_id)
    values = {"id": known.session_id, "now": wall_now(), "idle": IDLE}
    row = session.connection().exec_driver_sql(_HOLD_SESSION, values).fetchone()
    if row is None:
        request.environ[_CALLER_KEY] = VISITOR
        raise NotAllowed("You have been signed out. Nothing was changed.", code="sign_in_required")
    request.environ[_CALLER_KEY] = reread = _build_caller(tuple(row))
    return reread


def identify_session(request: Request) -> Caller | None:
    """The user of the session cookie, read in one statement. Marks the session as seen, at most once a minute."""
    token = request.cookies.get(session_cookie_name())
    if not token:
        return None
    now = wall_now()
    with runtime().pool.connection() as connection:
        row = connection.execute(_FIND_SESSION, {"digest": digest_token(token), "now": now, "idle": IDLE}).fetchone()
        if row is None:
            return None
        if now - row[2] >= SEEN_EVERY:
            values = {"id": row[0], "now": now, "address": request.remote_addr, "every": SEEN_EVERY}
            connection.execute(_MARK_SEEN, values)
    return _build_caller(row)


def _build_caller(row: Sequence[Any]) -> Caller:
    session_id, user_id, _, authenticated_at, email, name, staff, theme, verified, *org = row
    org_id, role, org_name, time_zone, currency, suspended, org_count = org
    return Caller(
        "user",
        user_id=user_id,
        org_id=org_id,
        role=role if org_id else None,
        staff=staff,
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
        org_count=org_count,
    )


def identify_key(request: Request) -> Caller:
    """The caller of an API request, from its `Authorization: Bearer` key; cookies are ignored.

    Raises `invalid_key`, or `org_suspended` if the key's org is suspended or deleted.
    """
    header = request.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidKey("Send the header `Authorization: Bearer tk_live_…`.")
    cache = api_key_cache()
    known, first_use = cache.find(text.strip())
    if known is None or (known.expires_at is not None and known.expires_at <= wall_now()):
        raise InvalidKey("This API key does not exist, has been revoked or has expired.")
    key_caller = known.caller
    if first_use and key_caller.key_id is not None:
        cache.last_used.record(key_caller.key_id, known.last_used_at, wall_now(), request.remote_addr)
    if key_caller.suspended:
        raise NotAllowed("This organisation is suspended; its API keys are disabled.", code="org_suspended")
    if key_caller.kind == "staff_key":
        key_caller = _act_for_org(cache, key_caller, request.environ.get(STAFF_ORG_HEADER))
    request.environ[_CALLER_KEY] = key_caller
    return key_caller


def require_scope(caller: Caller, scope: str) -> None:
    """Raise `scope_missing` unless the key has the scope. A staff key's admin:read and admin:write cover others."""
    if scope in caller.scopes:
        if caller.org_id is None and not scope.startswith("admin:"):
            field = FieldError("Tollkeeper-Organization", "the id of the organisation to act for")
            raise InvalidRequest("A staff key must name the organisation in a header.", [field])
        return
    raise NotAllowed(f"This call needs a key with the scope {scope}.", code="scope_missing")


def clear_key_cache() -> None:
    """After a revocation, drop cached keys: this process rejects the key at once, the others within a second."""
    api_key_cache().clear()


def _act_for_org(cache: ApiKeyCache, key_caller: Caller, header: str | None) -> Caller:
    covered = frozenset[str]().union(*(_COVERED_SCOPES[scope] for scope in key_caller.scopes))
    if header is None:
        return replace(key_caller, scopes=key_caller.scopes | covered)
    org_id = parse_id(header)
    row = cache.find_org(org_id) if org_id else None
    if row is None:
        raise NotFound("There is no organisation with the id given in Tollkeeper-Organization.")
    name, time_zone, currency = row
    return replace(
        key_caller,
        org_id=org_id,
        scopes=key_caller.scopes | covered,
        org_name=name,
        time_zone=time_zone,
        currency=currency,
    )
