"""Access checks: identify the caller by session or API key, and check a key's scope."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Request, request
from sqlalchemy.orm import Session

from app.accounts.api_keys.api_key_cache import ApiKeyCache, api_key_cache
from app.accounts.identity import Caller
from app.accounts.membership_lock import lock_membership
from app.accounts.sign_in.login import log_out, request_user
from app.accounts.sign_in.session_user import hold_session
from app.kit.actor import Actor
from app.kit.errors import FieldError, InvalidRequest, NotAllowed, NotFound
from app.kit.ids import parse_id
from app.web.runtime import wall_now

STAFF_ORG_HEADER = "HTTP_TOLLKEEPER_ORGANIZATION"
# Kept in the request's environ: `g` belongs to the application context, which may outlive a request.
_KEY_CALLER = "tollkeeper.key_caller"

# The scopes that a staff key has in the org it names.
_COVERED_SCOPES = {
    "admin:read": frozenset({"usage:read", "billing:read"}),
    "admin:write": frozenset({"usage:write", "usage:correct", "jobs:write", "billing:write"}),
    "usage:correct": frozenset(),
}


class InvalidKey(NotAllowed):
    """The key is missing, malformed, unknown, revoked or expired; the message does not say which."""

    code = "invalid_key"


def caller() -> Caller:
    """The caller of this request: the API key's, or Flask-Login's current user. Under /api/ no cookie is read."""
    known: Caller | None = request.environ.get(_KEY_CALLER)
    return request_user().caller if known is None else known


def visitor_actor() -> Actor:
    """Who acts where nobody needs to be signed in, such as at sign-up: not the user who happens to be."""
    return replace(caller().actor, kind="visitor", id=None)


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
    user = request_user()
    lock_membership(session, user.caller.org_id, user.caller.user_id)
    reread = hold_session(session, user.caller.session_id, now=wall_now())
    if reread is None:
        log_out()
        raise NotAllowed("You have been signed out. Nothing was changed.", code="sign_in_required")
    user.caller = reread
    return reread


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
    request.environ[_KEY_CALLER] = key_caller
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
