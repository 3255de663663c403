"""Pages: sign in, sign out, confirm the password."""

from __future__ import annotations

from datetime import datetime

from flask import Response, request

from app.accounts import guards, queries
from app.accounts.forms.entry import ConfirmPasswordForm, SignInForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import device_cookie, login, service
from app.accounts.sign_in.login import request_user, signed_in_user
from app.accounts.views.blueprint import pages
from app.accounts.views.context import (
    check_password,
    finish_sign_in,
    landing_page,
    minutes_until,
    password_error,
    sign_out_browser,
)
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
        return redirect_path(landing_page(guards.caller(), target))
    if not form.validate_on_submit():
        return render("accounts/sign_in/sign_in.html", form=form, next=target, status=422 if form.errors else 200)
    device = device_cookie.known_device(request, queries.find_user_by_email(session(), form.text("email")))
    attempt = service.SignInAttempt(form.text("email"), form.text("password"), device, request_origin())
    token, wait = _attempt_sign_in(attempt)
    if token is not None:
        return finish_sign_in(target, token)
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
    verified = service.check_credentials(session(), attempt)
    old_token = request_user().get_id()
    with transaction() as open_session:
        return service.complete_sign_in(open_session, attempt, verified, old_token=old_token, now=now), None


def _too_many(wait: datetime) -> str:
    return (
        f"Too many attempts. Wait {minutes_until(wait)}, sign in on a device you have used before,"
        " or reset your password by email."
    )


@pages.post("/sign-out")
def sign_out() -> Response:
    """End this device's session."""
    sign_out_browser()
    return redirect_to("accounts.sign_in")


@pages.route("/confirm-password", methods=["GET", "POST"])
def confirm_password() -> Response:
    """Ask for the password before a sensitive action, if it was last entered more than ten minutes ago."""
    form = ConfirmPasswordForm()
    target = safe_path(request.values.get("next"))
    if not form.validate_on_submit():
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=422 if form.errors else 200
        )
    signed_in, now = signed_in_user(), wall_now()
    check, token = check_password(signed_in, form.text("password")), None
    if check.wait is None:
        with transaction() as open_session:
            token = service.reauthenticate(
                open_session, signed_in.user_id, signed_in.session_id, request_origin(), correct=check.correct, now=now
            )
    if token is None:
        form.form_errors.append(password_error(check))
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=429 if check.wait else 422
        )
    login.renew_login(token)
    return redirect_path(landing_page(guards.caller(), target))
