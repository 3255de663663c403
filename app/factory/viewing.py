"""While staff view an organisation's pages, they read what its viewers read, and nothing else is answered."""

from __future__ import annotations

from flask import Response

from app.accounts.identity import Caller, Viewing
from app.accounts.sign_in.viewing import close_view
from app.factory.rules import Rule
from app.kit.errors import NotAllowed
from app.web.database import make_read_only, transaction
from app.web.pages import flash_message, redirect_to
from app.web.runtime import wall_now


def admit(rule: Rule, caller: Caller, *, safe: bool) -> Response | None:
    """Refuse what is not for a viewer, and make the rest read-only; lead back to staff's page once the view is over.

    `safe`: the request has a method that only reads. The way back and signing out are open at any time.
    """
    if rule.viewing:
        return None
    if caller.viewing is not None and caller.viewing.over:
        return _end(caller, caller.viewing, safe=safe)
    require(rule, caller, safe=safe)
    make_read_only(_build_refusal(caller))
    return None


def require(rule: Rule, caller: Caller, *, safe: bool) -> None:
    """Raise `NotAllowed` for what staff may not ask while they view an organisation's pages."""
    if not rule.admits_viewing(safe=safe):
        raise _build_refusal(caller)


def _end(caller: Caller, viewing: Viewing, *, safe: bool) -> Response:
    """Close the view. Whoever thought it open wrote to the customer's page: nothing of that is done elsewhere."""
    with transaction() as session:
        close_view(session, caller, "expired", now=wall_now())
    if not safe:
        raise NotAllowed("The view has ended. Nothing was changed.", code="viewing")
    flash_message("info", "The view has ended.")
    return redirect_to("admin.org", org_id=viewing.org_id)


def _build_refusal(caller: Caller) -> NotAllowed:
    name = caller.org_name or "a customer"
    return NotAllowed(f"This is not one of the pages of {name} that you can read. Nothing was changed.", code="viewing")
