"""Shared by the views of accounts: the signed-in user, completing a sign-in, and checking the password again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from flask import Response, request
from flask import session as form_session

from app.accounts import guards, queries
from app.accounts.sign_in import cookies, login_throttle, passwords
from app.kit.errors import NotAllowed
from app.web.addresses import path_to
from app.web.database import session, transaction
from app.web.pages import redirect_path
from app.web.runtime import wall_now


class CurrentUser(NamedTuple):
    """The user of this request and their session."""

    user_id: UUID
    session_id: UUID
    email: str


class CurrentMembership(NamedTuple):
    """The org that the user works in, and their role in it."""

    org_id: UUID
    role: str
    user_id: UUID


def current_user() -> CurrentUser:
    """The signed-in user; the access table rejects everyone else."""
    identified = guards.caller()
    if identified.user_id is None or identified.session_id is None or identified.email is None:
        raise NotAllowed("Please sign in first.", code="sign_in_required")
    return CurrentUser(identified.user_id, identified.session_id, identified.email)


def current_membership() -> CurrentMembership:
    """The session's org and the user's role in it."""
    identified = guards.caller()
    if identified.user_id is None or identified.org_id is None or identified.role is None:
        raise NotAllowed("You need to be in an organisation to do this.")
    return CurrentMembership(identified.org_id, identified.role, identified.user_id)


def home() -> str:
    """The landing page after signing in."""
    return path_to("portal.dashboard")


def finish_sign_in(path: str, token: str, email: str) -> Response:
    """Answer a sign-in: set the session cookie, remember the device, and discard the visitor's form session."""
    form_session.clear()
    response = redirect_path(path)
    cookies.set_session(response, token)
    cookies.remember_device(request, response, email)
    return response


class PasswordCheck(NamedTuple):
    """The result of a password check: correct or not, or when to try again."""

    correct: bool
    wait: datetime | None = None


def check_password(identified: CurrentUser, password: str) -> PasswordCheck:
    """Whether this is the user's password; at most ten attempts in five minutes."""
    now = wall_now()
    claims = [login_throttle.Claim(f"password:user:{identified.user_id}", login_throttle.PASSWORD_CHECK)]
    with transaction() as open_session:
        wait = login_throttle.count_attempt(open_session, claims, now)
    if wait is not None:
        return PasswordCheck(correct=False, wait=wait)
    correct = passwords.verify_password(queries.get_user(session(), identified.user_id).password_hash, password)
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
