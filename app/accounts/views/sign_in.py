"""Pages: sign in, sign out, confirm the password."""

from __future__ import annotations

from datetime import datetime

from flask import Response, request
from flask import session as form_session

from app.accounts import guards
from app.accounts.forms.entry import ConfirmPasswordForm, SignInForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import cookies, service
from app.accounts.views.blueprint import pages
from app.accounts.views.context import check_password, current_user, finish_sign_in, home, minutes_until, password_error
from app.web.database import session, transaction
from app.web.pages import redirect_path, redirect_to, render, safe_path
from app.web.runtime import wall_now

NO_MATCH = "The email address and the password do not match."


@pages.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
def sign_in_page() -> Response:
    """Answers identically, in the same time, for an unknown address, a wrong password and a disabled user."""
    form = SignInForm()
    target = safe_path(request.values.get("next"))
    if request.method == "GET" and guards.caller().user_id is not None:
        return redirect_path(target or home())
    if not form.validate_on_submit():
        return render("accounts/sign_in/sign_in.html", form=form, next=target, status=422 if form.errors else 200)
    device = cookies.known_device(request, form.text("email"))
    attempt = service.SignInAttempt(form.text("email"), form.text("password"), device, request_origin())
    token, wait = _attempt_sign_in(attempt)
    if token is not None:
        return finish_sign_in(target or home(), token, attempt.email)
    form.form_errors.append(NO_MATCH if wait is None else _too_many(wait))
    response = render("accounts/sign_in/sign_in.html", form=form, next=target, status=422 if wait is None else 429)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, int((wait - wall_now()).total_seconds())))
    return response


def _attempt_sign_in(attempt: service.SignInAttempt) -> tuple[str | None, datetime | None]:
    """The new session's token, or when to try again; neither if the sign-in is refused."""
    now = wall_now()
    with transaction() as open_session:
        wait = service.count_sign_in(open_session, attempt, now=now)
    if wait is not None:
        return None, wait
    user_id, correct = service.check_credentials(session(), attempt)
    old_token = request.cookies.get(cookies.session_cookie_name())
    with transaction() as open_session:
        return service.complete_sign_in(
            open_session, attempt, user_id, correct=correct, old_token=old_token, now=now
        ), None


def _too_many(wait: datetime) -> str:
    return (
        f"Too many attempts. Wait {minutes_until(wait)}, sign in on a device you have used before,"
        " or reset your password by email."
    )


@pages.post("/sign-out")
def sign_out() -> Response:
    """End this device's session."""
    signed_in = guards.caller()
    if signed_in.user_id is not None and signed_in.session_id is not None:
        with transaction() as open_session:
            service.sign_out(open_session, signed_in.user_id, signed_in.session_id, request_origin(), now=wall_now())
    form_session.clear()
    response = redirect_to("accounts.sign_in")
    cookies.clear_session(response)
    return response


@pages.route("/confirm-password", methods=["GET", "POST"])
def confirm_password() -> Response:
    """Ask for the password before a sensitive action, if it was last entered more than ten minutes ago."""
    form = ConfirmPasswordForm()
    target = safe_path(request.values.get("next"))
    if not form.validate_on_submit():
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=422 if form.errors else 200
        )
    signed_in, now = current_user(), wall_now()
    check = check_password(signed_in, form.text("password"))
    with transaction() as open_session:
        token = service.reauthenticate(
            open_session, signed_in.user_id, signed_in.session_id, request_origin(), correct=check.correct, now=now
        )
    if token is None:
        form.form_errors.append(password_error(check))
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=429 if check.wait else 422
        )
    response = redirect_path(target or home())
    cookies.set_session(response, token)
    return response
