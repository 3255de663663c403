"""What the views of accounts share: the signed-in person, the way in, and asking for the password."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from flask import Response, request
from flask import session as form_session

from app.accounts import guards, queries
from app.accounts.sign_in import cookies, login_throttle, passwords
from app.kit.errors import NotAllowed
from app.web.database import session, transaction
from app.web.pages import redirect_path
from app.web.runtime import wall_now


class Person(NamedTuple):
    """The user of this request and the session they came with."""

    user_id: UUID
    session_id: UUID
    email: str


class Seat(NamedTuple):
    """The org that the user works in, and as what."""

    org_id: UUID
    role: str
    user_id: UUID


def person() -> Person:
    """The signed-in user; the access table has let no other in."""
    who = guards.caller()
    if who.user_id is None or who.session_id is None or who.email is None:
        raise NotAllowed("Please sign in first.", code="sign_in_required")
    return Person(who.user_id, who.session_id, who.email)


def seat() -> Seat:
    """The org of the session and the user's role there."""
    who = guards.caller()
    if who.user_id is None or who.org_id is None or who.role is None:
        raise NotAllowed("This needs an organisation, and you are in none.")
    return Seat(who.org_id, who.role, who.user_id)


def finish_sign_in(path: str, token: str, email: str) -> Response:
    """Answer a sign-in: a new session cookie, the device remembered, and nothing kept of the visitor's form session."""
    form_session.clear()
    response = redirect_path(path)
    cookies.set_session(response, token)
    cookies.remember_device(request, response, email)
    return response


class Check(NamedTuple):
    """What came of asking for the password: right or not, or the instant to wait for."""

    right: bool
    wait: datetime | None = None


def check_password(who: Person, password: str) -> Check:
    """Whether this is the user's password, at most ten tries in five minutes."""
    now = wall_now()
    claims = [login_throttle.Claim(f"password:user:{who.user_id}", login_throttle.PASSWORD_CHECK)]
    with transaction() as open_session:
        wait = login_throttle.claim(open_session, claims, now)
    if wait is not None:
        return Check(right=False, wait=wait)
    right = passwords.verify_password(queries.user(session(), who.user_id).password_hash, password)
    if right:
        with transaction() as open_session:
            login_throttle.forgive(open_session, claims)
    return Check(right)


def refused(check: Check) -> str:
    """The words for a password that was not taken."""
    if check.wait is None:
        return "This is not your password."
    return f"Too many tries. Wait {minutes_until(check.wait)} and try again."


def minutes_until(at: datetime) -> str:
    """How long to wait in words, rounded up: "4 minutes"."""
    left = max(1, -int(-(at - wall_now()).total_seconds() // 60))
    return "1 minute" if left == 1 else f"{left} minutes"
