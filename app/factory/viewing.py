"""While staff view an organisation's pages, they read what its viewers read, and nothing else is answered."""

from __future__ import annotations

from flask import Request, Response

from app.accounts import guards
from app.accounts.identity import Caller, Viewing
from app.accounts.sign_in.viewing import close_view
from app.factory.rules import Rule
from app.kit.errors import NotAllowed
from app.web.database import make_read_only, transaction
from app.web.pages import flash_message, redirect_to
from app.web.runtime import wall_now

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def admit(rule: Rule, asked: Request) -> Response | None:
    """Refuse what is not for a viewer, and make the rest read-only; lead back to staff's page once the view is over.

    A public page that is only read needs nobody's session: it is read-only by itself.
    """
    safe = asked.method in _SAFE
    if rule.kind == "public" and safe:
        return None
    caller = guards.caller()
    if caller.viewing is None:
        return None
    if caller.viewing.over:
        return _end(caller, caller.viewing, safe=safe)
    require(rule, caller, safe=safe)
    if not rule.viewing:
        make_read_only(_refusal(caller))
    return None


def require(rule: Rule, caller: Caller, *, safe: bool) -> None:
    """Raise `NotAllowed` for what staff may not ask while they view an organisation's pages."""
    if caller.viewing is not None and not rule.admits_viewing(safe=safe):
        raise _refusal(caller)


def _end(caller: Caller, viewing: Viewing, *, safe: bool) -> Response:
    """Close the view. Whoever thought it open wrote to the customer's page: nothing of that is done elsewhere."""
    with transaction() as session:
        close_view(session, caller, "expired", now=wall_now())
    if not safe:
        raise NotAllowed("The view has ended. Nothing was changed.")
    flash_message("info", "The view has ended.")
    return redirect_to("admin.org", org_id=viewing.org_id)


def _refusal(caller: Caller) -> NotAllowed:
    name = caller.org_name or "a customer"
    return NotAllowed(f"This is not one of the pages of {name} that you can read. Nothing was changed.", code="viewing")
