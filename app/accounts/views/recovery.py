"""Pages: password recovery."""

from __future__ import annotations

from flask import Response, request

from app.accounts import guards, queries
from app.accounts.forms.entry import AddressForm, NewPasswordForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import device_cookie, email_tokens, passwords, recovery
from app.accounts.views.blueprint import pages
from app.accounts.views.context import sign_out_browser
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import wall_now


@pages.route("/reset", methods=["GET", "POST"])
def reset() -> Response:
    """Request a link; the answer is the same for every address."""
    form = AddressForm()
    if not form.validate_on_submit():
        return render("accounts/sign_in/reset.html", form=form, status=422 if form.errors else 200)
    with transaction() as open_session:
        device = device_cookie.known_device(request, queries.find_user_by_email(open_session, form.text("email")))
        recovery.request_reset(open_session, form.text("email"), request_origin(), device=device, now=wall_now())
    return redirect_to("accounts.reset_sent")


@pages.get("/reset/sent")
def reset_sent() -> Response:
    """Ask the visitor to check their inbox."""
    return render("accounts/sign_in/reset_sent.html")


@pages.route("/reset/<token>", methods=["GET", "POST"])
def choose_password(token: str) -> Response:
    """Set a new password. The browser counts as known from then on, even while strangers fill the limits."""
    form = NewPasswordForm()
    row = email_tokens.find(session(), token, "reset", now=wall_now())
    if row is None:
        return render("accounts/sign_in/link_gone.html", kind="reset", status=410)
    form.knowing(*queries.list_known_words(session(), row.user_id))
    if not form.validate_on_submit():
        return render("accounts/sign_in/choose_password.html", form=form, status=422 if form.errors else 200)
    password_hash = passwords.hash_password(form.text("password"))
    with transaction() as open_session:
        user = recovery.reset_password(
            open_session, token, password_hash, request_origin(), actor=guards.caller().actor, now=wall_now()
        )
    if user is None:
        return render("accounts/sign_in/link_gone.html", kind="reset", status=410)
    sign_out_browser()
    flash_message(
        "success", "Your password has been changed and all devices signed out. Sign in with your new password."
    )
    response = redirect_to("accounts.sign_in")
    device_cookie.remember_device(request, response, user)
    return response
