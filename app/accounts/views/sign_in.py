"""Pages: sign in, sign out, the password once more."""

from __future__ import annotations

from datetime import datetime

from flask import Response, request
from flask import session as form_session

from app.accounts import guards
from app.accounts.forms.entry import ConfirmPasswordForm, SignInForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import cookies, service
from app.accounts.views.blueprint import pages
from app.accounts.views.context import check_password, finish_sign_in, minutes_until, person, refused
from app.web.database import session, transaction
from app.web.pages import home, redirect_path, redirect_to, render, safe_path
from app.web.runtime import wall_now

NO_MATCH = "The e-mail address and the password do not match."


@pages.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
def sign_in_page() -> Response:
    """Says the same, in the same time, for an unknown address, a wrong password and a disabled user."""
    form = SignInForm()
    target = safe_path(request.values.get("next"))
    if request.method == "GET" and guards.caller().user_id is not None:
        return redirect_path(target or home())
    if not form.validate_on_submit():
        return render("accounts/sign_in/sign_in.html", form=form, next=target, status=422 if form.errors else 200)
    device = cookies.known_device(request, form.text("email"))
    this = service.Try(form.text("email"), form.text("password"), device, request_origin())
    token, wait = _try(this)
    if token is not None:
        return finish_sign_in(target or home(), token, this.email)
    form.form_errors.append(NO_MATCH if wait is None else _too_many(wait))
    response = render("accounts/sign_in/sign_in.html", form=form, next=target, status=422 if wait is None else 429)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, int((wait - wall_now()).total_seconds())))
    return response


def _try(this: service.Try) -> tuple[str | None, datetime | None]:
    """The new session's token, or the instant to wait for, or neither: refused."""
    now = wall_now()
    with transaction() as open_session:
        wait = service.admit(open_session, this, now=now)
    if wait is not None:
        return None, wait
    user_id, right = service.judge(session(), this)
    old = request.cookies.get(cookies.session_cookie_name())
    with transaction() as open_session:
        return service.settle(open_session, this, user_id, right=right, old_token=old, now=now), None


def _too_many(wait: datetime) -> str:
    return (
        f"Too many tries. Wait {minutes_until(wait)}, or sign in on a device that you have used before,"
        " or set a new password by mail."
    )


@pages.post("/sign-out")
def sign_out() -> Response:
    """End this device's session; its cookie is worth nothing from now on."""
    who = guards.caller()
    if who.user_id is not None and who.session_id is not None:
        with transaction() as open_session:
            service.leave(open_session, who.user_id, who.session_id, request_origin(), now=wall_now())
    form_session.clear()
    response = redirect_to("accounts.sign_in")
    cookies.clear_session(response)
    return response


@pages.route("/confirm-password", methods=["GET", "POST"])
def confirm_password() -> Response:
    """Before an act that matters, when the password was given more than ten minutes ago."""
    form = ConfirmPasswordForm()
    target = safe_path(request.values.get("next"))
    if not form.validate_on_submit():
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=422 if form.errors else 200
        )
    who, now = person(), wall_now()
    check = check_password(who, form.text("password"))
    with transaction() as open_session:
        token = service.renew(open_session, who.user_id, who.session_id, request_origin(), right=check.right, now=now)
    if token is None:
        form.form_errors.append(refused(check))
        return render(
            "accounts/sign_in/confirm_password.html", form=form, next=target, status=429 if check.wait else 422
        )
    response = redirect_path(target or home())
    cookies.set_session(response, token)
    return response
