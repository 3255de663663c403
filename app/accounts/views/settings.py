"""Pages: the user's own account: name, theme, address, password, devices."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, request, url_for

from app.accounts import guards, profile, queries
from app.accounts.forms.settings import EmailForm, PasswordForm, ProfileForm, ThemeForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import device_cookie, passwords
from app.accounts.sign_in import sessions as devices
from app.accounts.sign_in.login import renew_login, signed_in_user
from app.accounts.views.agents import describe_device
from app.accounts.views.blueprint import pages
from app.accounts.views.context import check_password, password_error
from app.kit.errors import NotFound
from app.web.database import session, transaction
from app.web.forms import ButtonForm, PageForm
from app.web.pages import flash_message, redirect_path, redirect_to, render, safe_path
from app.web.runtime import wall_now


@pages.get("/settings")
def settings() -> Response:
    """Show the profile."""
    return _page()


@pages.post("/settings/profile")
def change_profile() -> Response:
    """Change the display name."""
    form, signed_in = ProfileForm(), signed_in_user()
    if not form.validate_on_submit():
        return _page(profile_form=form)
    with transaction() as open_session:
        profile.change_name(
            open_session, signed_in.user_id, form.text("name"), actor=guards.caller().actor, now=wall_now()
        )
    flash_message("success", "Name saved.")
    return redirect_to("accounts.settings")


@pages.post("/settings/theme")
def change_theme() -> Response:
    """Change the theme."""
    form, signed_in = ThemeForm(), signed_in_user()
    if not form.validate_on_submit():
        return _page(theme_form=form)
    with transaction() as open_session:
        profile.change_theme(open_session, signed_in.user_id, form.text("theme"))
    return redirect_path(_previous_page())


@pages.post("/settings/email")
def change_email() -> Response:
    """Request a change of address; it takes effect when it is confirmed on the page that the emailed link opens."""
    form, signed_in = EmailForm(), signed_in_user()
    if not form.validate_on_submit():
        return _page(email_form=form)
    check = check_password(signed_in, form.text("password"))
    if not check.correct:
        form.password.errors = [password_error(check)]
        return _page(email_form=form)
    with transaction() as open_session:
        sent = profile.request_email_change(
            open_session, signed_in.user_id, form.text("new_email"), request_origin(), now=wall_now()
        )
    if sent:
        flash_message(
            "info",
            f"We sent a link to {form.text('new_email')}. Open it while signed in here, and confirm the change.",
        )
    else:
        flash_message("warning", "We have sent too many links. Try again in a few hours.")
    return redirect_to("accounts.settings")


@pages.post("/settings/password")
def change_password() -> Response:
    """Change the password and sign out every other device."""
    form, signed_in = PasswordForm(), signed_in_user()
    form.knowing(*queries.list_known_words(session(), signed_in.user_id))
    if not form.validate_on_submit():
        return _page(password_form=form)
    check = check_password(signed_in, form.text("current_password"))
    if not check.correct:
        form.current_password.errors = [password_error(check)]
        return _page(password_form=form)
    password_hash = passwords.hash_password(form.text("new_password"))
    with transaction() as open_session:
        user = queries.get_user(open_session, signed_in.user_id)
        token = profile.change_password(
            open_session, user, password_hash, signed_in.session_id, actor=guards.caller().actor, now=wall_now()
        )
    renew_login(token)
    flash_message("success", "Your password has been changed. Your other devices are signed out.")
    response = redirect_to("accounts.settings")
    device_cookie.remember_device(request, response, user)
    return response


@pages.get("/settings/sessions")
def sessions() -> Response:
    """List the user's devices."""
    signed_in = signed_in_user()
    rows = [(row, describe_device(row.agent)) for row in queries.list_devices(session(), signed_in.user_id)]
    return render(
        "accounts/settings/sessions.html", rows=rows, current=signed_in.session_id, press=ButtonForm(), now=wall_now()
    )


@pages.post("/settings/sessions/<uuid:session_id>/end")
def end_session(session_id: UUID) -> Response:
    """Sign out one other device."""
    with transaction() as open_session:
        if not devices.end_session(open_session, signed_in_user().user_id, session_id):
            raise NotFound("There is no such session.")
    flash_message("success", "Device signed out.")
    return redirect_to("accounts.sessions")


@pages.post("/settings/sessions/end-others")
def end_other_sessions() -> Response:
    """Sign out every other device."""
    signed_in = signed_in_user()
    with transaction() as open_session:
        devices.end_all(open_session, signed_in.user_id, except_session=signed_in.session_id)
    flash_message("success", "Your other devices are signed out.")
    return redirect_to("accounts.sessions")


def _previous_page() -> str:
    """The page of this site on which the theme menu was used, or the settings."""
    before = urlsplit(request.referrer or "")
    path = f"{before.path}?{before.query}" if before.query else before.path
    previous = before.netloc == request.host and safe_path(path)
    return previous or url_for("accounts.settings")


def _page(**forms: PageForm) -> Response:
    """The profile page: forms passed in show their errors, the others the stored values."""
    user = queries.get_user(session(), signed_in_user().user_id)
    stored = {
        "profile_form": ProfileForm(formdata=None, name=user.name),
        "theme_form": ThemeForm(formdata=None, theme=user.theme),
        "email_form": EmailForm(formdata=None),
        "password_form": PasswordForm(formdata=None),
    }
    return render("accounts/settings/profile.html", user=user, status=422 if forms else 200, **{**stored, **forms})
