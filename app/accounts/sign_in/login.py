"""Flask-Login, on session rows: who is signed in, signing in and out, and asking for the password again.

The cookie holds a session's token, the row decides. See docs/decisions/0011-flask-login-on-session-rows.md.
"""

from __future__ import annotations

from flask import Response, request, session
from flask_login import LoginManager, confirm_login, current_user, login_user, logout_user

from app.accounts.sign_in import step_up
from app.accounts.sign_in.session_user import SessionUser, Visitor, find_session_user
from app.kit.errors import NotAllowed
from app.web.pages import redirect_to
from app.web.runtime import wall_now

login_manager = LoginManager()
login_manager.anonymous_user = Visitor
# Binds sessions to an address and a browser; phones change the first, and the row notes both.
login_manager.session_protection = None
# Flask-Login's own name for the id of the user, here the session's token.
_ID = "_user_id"
_FRESH = "_fresh"
_READING = "tollkeeper.reading_session"


def request_user() -> SessionUser | Visitor:
    """Flask-Login's `current_user`, with its type."""
    user: SessionUser | Visitor = current_user._get_current_object()  # a proxy's public method
    return user


def signed_in_user() -> SessionUser:
    """The signed-in user; the access table rejects everyone else."""
    user = request_user()
    if isinstance(user, Visitor):
        raise NotAllowed("Please sign in first.", code="sign_in_required")
    return user


@login_manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login carries no types
def load_user(token: str) -> SessionUser | None:
    """The user of a session's token, and in the cookie whether the password was entered lately: the row decides."""
    if request.environ.get(_READING):
        return None  # the database failed; the page that says so has nobody signed in
    request.environ[_READING] = True
    now = wall_now()
    user = find_session_user(token, request.remote_addr, now=now)
    del request.environ[_READING]
    if user is not None and session.get(_FRESH) is not (fresh := user.caller.is_fresh(now)):
        session[_FRESH] = fresh
    return user


@login_manager.unauthorized_handler  # type: ignore[untyped-decorator]  # as above
def _to_sign_in() -> Response:
    """Redirect to the sign-in page, and from there back, if the page can be opened by a link."""
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect_to("accounts.sign_in", next=target)


@login_manager.needs_refresh_handler  # type: ignore[untyped-decorator]  # as above
def _to_confirm_password() -> Response:
    """Ask for the password, then go on to the page whose form was asked for or sent."""
    return redirect_to("accounts.confirm_password", next=step_up.keep_form())


def log_in(token: str) -> None:
    """Sign this browser in to an open session. Whatever it held as a visitor is discarded, form tokens too."""
    session.clear()
    session.permanent = True
    user = load_user(token)
    if user is None:
        raise NotAllowed("You have been signed out.", code="sign_in_required")
    login_user(user)


def renew_login(token: str) -> None:
    """Go on with the session's new token, after the password was entered again."""
    session[_ID] = token
    confirm_login()


def log_out() -> None:
    """Sign this browser out. What ends the session is deleting its row."""
    logout_user()
    session.clear()
