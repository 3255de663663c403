"""Shared by the views of accounts: the membership, completing a sign-in, and checking the password again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from flask import Response, request

from app.accounts import guards, queries
from app.accounts.identity import Caller, request_origin
from app.accounts.sign_in import device_cookie, login, login_throttle, passwords, service, viewing
from app.accounts.sign_in.session_user import SessionUser
from app.kit.errors import NotAllowed
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.pages import redirect_path
from app.web.runtime import wall_now


class CurrentMembership(NamedTuple):
    """The org that the user works in, and their role in it."""

    org_id: UUID
    role: str
    user_id: UUID


def current_membership() -> CurrentMembership:
    """The session's org and the user's role in it."""
    identified = guards.caller()
    if identified.user_id is None or identified.org_id is None or identified.role is None:
        raise NotAllowed("You need to be in an organisation to do this.")
    return CurrentMembership(identified.org_id, identified.role, identified.user_id)


def home() -> str:
    """The landing page after signing in."""
    return path_to("portal.dashboard")


def landing_page(caller: Caller, asked: str | None) -> str:
    """Where someone goes after signing in: the page they asked for, else home, which for staff is the overview.

    Staff without an organisation have no customer pages to go to.
    """
    if not caller.staff:
        return asked or home()
    overview = path_to("admin.index")
    is_theirs = asked is not None and (caller.org_id is not None or asked.startswith(overview))
    return asked if asked and is_theirs else overview


def finish_sign_in(asked: str | None, token: str) -> Response:
    """Answer a sign-in: sign this browser in to the session, and remember the device."""
    login.log_in(token)
    signed_in = login.signed_in_user()
    response = redirect_path(landing_page(signed_in.caller, asked))
    user = queries.get_user(session(), signed_in.user_id)
    device_cookie.remember_device(request, response, user)
    return response


def sign_out_browser() -> None:
    """End the session of this browser, whoever is signed in; a copy of its cookie is worth nothing from then on."""
    user = login.request_user()
    if isinstance(user, SessionUser):
        with transaction() as open_session:
            viewing.close_view(open_session, user.caller, "signed_out", now=wall_now())
            service.sign_out(open_session, user.user_id, user.session_id, request_origin(), now=wall_now())
    login.log_out()


class PasswordCheck(NamedTuple):
    """The result of a password check: correct or not, or when to try again."""

    correct: bool
    wait: datetime | None = None


def check_password(user: SessionUser, password: str) -> PasswordCheck:
    """Whether this is the user's password; at most ten attempts in five minutes."""
    now = wall_now()
    claims = [login_throttle.Claim(f"password:user:{user.user_id}", login_throttle.PASSWORD_CHECK)]
    with transaction() as open_session:
        refusal = login_throttle.count_attempt(open_session, claims, now)
    if refusal is not None:
        return PasswordCheck(correct=False, wait=refusal.until)
    correct = passwords.verify_password(queries.get_user(session(), user.user_id).password_hash, password)
    if correct:
        with transaction() as open_session:
            login_throttle.refund_attempt(open_session, claims)
    return PasswordCheck(correct)


def password_error(check: PasswordCheck) -> str:
    """The error message for a failed password check."""
    if check.wait is None:
        return "This is not your password."
    return f"Too many attempts. Wait {minutes_until(check.wait)} and try again."


def minutes_until(at: datetime) -> str:
    """How long to wait, rounded up: "4 minutes"."""
    minutes = max(1, -int(-(at - wall_now()).total_seconds() // 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
