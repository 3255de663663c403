"""Pages: sign up."""

from __future__ import annotations

from flask import Response, request
from flask import session as form_session

from app.accounts import guards
from app.accounts.forms.entry import SignUpForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import login_throttle, passwords, sign_up
from app.accounts.views.blueprint import pages
from app.accounts.views.context import home, minutes_until
from app.kit.ids import new_id
from app.web.database import transaction
from app.web.pages import redirect_path, redirect_to, render, safe_path
from app.web.runtime import business_now, wall_now


@pages.route("/sign-up", methods=["GET", "POST"])
def sign_up_page() -> Response:
    """A known address gets the same answer as a new one; its owner is notified by email."""
    form = SignUpForm()
    target = safe_path(request.values.get("next"))
    if request.method == "GET" and guards.caller().user_id is not None:
        return redirect_path(target or home())
    if not form.validate_on_submit():
        return render("accounts/sign_in/sign_up.html", form=form, next=target, status=422 if form.errors else 200)
    origin, now = request_origin(), wall_now()
    limit = [
        login_throttle.Claim(f"sign_up:address:{login_throttle.address_mark(origin.address)}", login_throttle.SIGN_UP)
    ]
    with transaction() as open_session:
        refusal = login_throttle.count_attempt(open_session, limit, now)
    if refusal is not None:
        form.form_errors.append(f"Too many new accounts from your network. Wait {minutes_until(refusal.until)}.")
        return render("accounts/sign_in/sign_up.html", form=form, next=target, status=429)
    _create_user(form)
    form_session["next"] = target
    form_session["sent_to"] = form.text("email")
    return redirect_to("accounts.sign_up_sent")


def _create_user(form: SignUpForm) -> None:
    password_hash = passwords.hash_password(form.text("password"))
    with transaction() as open_session:
        user_id = sign_up.sign_up(
            open_session,
            form.text("email"),
            form.text("name"),
            password_hash,
            request_origin(),
            actor=guards.visitor_actor(),
            now=wall_now(),
            opened_at=business_now(),
        )
    # This browser chose the password, so the emailed link may sign it in. A known address sets a marker too.
    form_session["pending"] = str(user_id or new_id())


@pages.get("/sign-up/sent")
def sign_up_sent() -> Response:
    """Ask the visitor to check their inbox."""
    return render("accounts/sign_in/sign_up_sent.html", email=form_session.get("sent_to"))
