"""Pages: confirm an email address, send the link again."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from flask import session as form_session

from app.accounts import guards, queries
from app.accounts.auth_models import EmailToken
from app.accounts.forms.entry import AddressForm, NewPasswordForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import confirmation, email_tokens, passwords, service
from app.accounts.sign_in.login import login_manager, request_user
from app.accounts.views.blueprint import pages
from app.accounts.views.context import finish_sign_in, home
from app.kit.ids import parse_id
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_path, redirect_to, render, safe_path
from app.web.runtime import wall_now


@pages.route("/verify/<token>", methods=["GET", "POST"])
def verify(token: str) -> Response:
    """The link shows a button that confirms, so that email scanners opening the link do not use it up."""
    row = email_tokens.find(session(), token, "verify", "change", now=wall_now())
    if row is None:
        return _gone()
    return _confirm_change(token, row) if row.purpose == "change" else _confirm_sign_up(token, row)


def _confirm_change(token: str, row: EmailToken) -> Response:
    """Only for the user who asked: whoever reads the email may not know whose account it is about."""
    signed_in = guards.caller()
    if signed_in.user_id is None:
        return login_manager.unauthorized()  # type: ignore[no-any-return]  # Flask-Login carries no types
    form, is_own = ButtonForm(), signed_in.user_id == row.user_id
    if not is_own or not form.validate_on_submit():
        status = 403 if form.is_submitted() else 200
        return render("accounts/sign_in/verify.html", form=form, email=row.email, is_own=is_own, status=status)
    with transaction() as open_session:
        guards.reread_caller(open_session)
        user = confirmation.confirm_change(open_session, token, row.user_id, actor=signed_in.actor, now=wall_now())
    if user is None:
        return _gone()
    flash_message("success", "The email address is confirmed.")
    return redirect_path(home())


def _confirm_sign_up(token: str, row: EmailToken) -> Response:
    """Ask for a new password, unless this browser chose the present one or has signed in with it."""
    user = queries.get_user(session(), row.user_id)
    knows_password = user.id in {guards.caller().user_id, _signed_up_here()}
    form = ButtonForm() if knows_password else NewPasswordForm().knowing(user.name, user.email)
    if not form.validate_on_submit():
        status = 422 if form.errors else 200
        template = "accounts/sign_in/verify.html" if knows_password else "accounts/sign_in/verify_password.html"
        return render(template, form=form, email=row.email, is_own=True, status=status)
    password_hash = None if knows_password else passwords.hash_password(form.text("password"))
    return _finish_sign_up(token, password_hash)


def _finish_sign_up(token: str, password_hash: str | None) -> Response:
    origin, now, new_token = request_origin(), wall_now(), None
    with transaction() as open_session:
        user = confirmation.confirm_sign_up(open_session, token, password_hash, actor=guards.caller().actor, now=now)
        if user is not None and user.id != guards.caller().user_id:
            old_token = request_user().get_id()
            new_token = service.open_session(open_session, user, origin, known=True, old_token=old_token, now=now)
    if user is None:
        return _gone()
    return _welcome(new_token)


def _welcome(new_token: str | None) -> Response:
    target = safe_path(form_session.get("next")) or home()
    response = redirect_path(target) if new_token is None else finish_sign_in(target, new_token)
    flash_message("success", "Your email address is confirmed. Welcome!")
    return response


@pages.route("/verify/resend", methods=["GET", "POST"])
def resend_verification() -> Response:
    """Send the link again; the answer is the same for every address."""
    form = AddressForm(email=guards.caller().email)
    if guards.caller().verified:
        return redirect_path(home())
    if not form.validate_on_submit():
        return render("accounts/sign_in/resend.html", form=form, status=422 if form.errors else 200)
    with transaction() as open_session:
        confirmation.send_verification(
            open_session,
            form.text("email"),
            request_origin(),
            signed_in=guards.caller().user_id,
            now=wall_now(),
        )
    form_session["sent_to"] = form.text("email")
    return redirect_to("accounts.sign_up_sent")


def _signed_up_here() -> UUID | None:
    """The user whose password was chosen in this browser."""
    return parse_id(form_session.get("pending") or "")


def _gone() -> Response:
    return render("accounts/sign_in/link_gone.html", kind="verify", status=410)
