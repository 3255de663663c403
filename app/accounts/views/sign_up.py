"""Pages: sign up, confirm the address, send the link again."""

from __future__ import annotations

from flask import Response, request
from flask import session as form_session

from app.accounts import guards
from app.accounts.forms.entry import AddressForm, SignUpForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import email_tokens, login_throttle, passwords, service, sign_up
from app.accounts.views.blueprint import pages
from app.accounts.views.context import finish_sign_in, home, minutes_until
from app.kit.ids import new_id
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_path, redirect_to, render, safe_path
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
        wait = login_throttle.count_attempt(open_session, limit, now)
    if wait is not None:
        form.form_errors.append(f"Too many new accounts from your network. Wait {minutes_until(wait)}.")
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
            actor=guards.caller().actor,
            now=wall_now(),
            opened_at=business_now(),
        )
    # This browser chose the password, so the emailed link may sign it in. A known address sets a marker too.
    form_session["pending"] = str(user_id or new_id())


@pages.get("/sign-up/sent")
def sign_up_sent() -> Response:
    """Ask the visitor to check their inbox."""
    return render("accounts/sign_in/sign_up_sent.html", email=form_session.get("sent_to"))


@pages.route("/verify/<token>", methods=["GET", "POST"])
def verify(token: str) -> Response:
    """The link shows a button that confirms, so that email scanners opening the link do not use it up."""
    if request.method == "GET":
        row = email_tokens.find(session(), token, "verify", "change", now=wall_now())
        if row is None:
            return render("accounts/sign_in/link_gone.html", kind="verify", status=410)
        return render("accounts/sign_in/verify.html", form=ButtonForm(), email=row.email)
    origin, now = request_origin(), wall_now()
    new_token = None
    with transaction() as open_session:
        user = sign_up.confirm_address(open_session, token, actor=guards.caller().actor, now=now)
        if user is not None and form_session.get("pending") == str(user.id):
            new_token = service.open_session(open_session, user, origin, known=True, now=now)
    if user is None:
        return render("accounts/sign_in/link_gone.html", kind="verify", status=410)
    return _respond_confirmed(new_token, user.email)


def _respond_confirmed(token: str | None, email: str) -> Response:
    target = safe_path(form_session.get("next")) or home()
    if token is not None:
        response = finish_sign_in(target, token, email)
        flash_message("success", "Your email address is confirmed. Welcome!")
        return response
    flash_message("success", "The email address is confirmed.")
    return redirect_path(target) if guards.caller().user_id else redirect_to("accounts.sign_in")


@pages.route("/verify/resend", methods=["GET", "POST"])
def resend_verification() -> Response:
    """Send the link again; the answer is the same for every address."""
    form = AddressForm(email=guards.caller().email)
    if guards.caller().verified:
        return redirect_path(home())
    if not form.validate_on_submit():
        return render("accounts/sign_in/resend.html", form=form, status=422 if form.errors else 200)
    with transaction() as open_session:
        sign_up.send_verification(open_session, form.text("email"), request_origin(), now=wall_now())
    form_session["sent_to"] = form.text("email")
    return redirect_to("accounts.sign_up_sent")
