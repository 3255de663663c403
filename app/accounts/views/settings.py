"""Pages: the user's own account: name, theme, address, password, devices."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, request, url_for

from app.accounts import guards, profile, queries
from app.accounts.forms.base import PageForm, Press
from app.accounts.forms.settings import EmailForm, PasswordForm, ProfileForm, ThemeForm
from app.accounts.identity import request_origin
from app.accounts.sign_in import cookies, passwords
from app.accounts.sign_in import sessions as devices
from app.accounts.views.agents import device_words
from app.accounts.views.blueprint import pages
from app.accounts.views.context import check_password, person, refused
from app.kit.errors import NotFound
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_path, redirect_to, render, safe_path
from app.web.runtime import wall_now


@pages.get("/settings")
def settings() -> Response:
    """The profile."""
    return _page()


@pages.post("/settings/profile")
def change_profile() -> Response:
    """Change the name."""
    form, who = ProfileForm(), person()
    if not form.validate_on_submit():
        return _page(profile_form=form)
    with transaction() as open_session:
        profile.change_name(open_session, who.user_id, form.text("name"), actor=guards.caller().actor, now=wall_now())
    flash_message("success", "Your name is saved.")
    return redirect_to("accounts.settings")


@pages.post("/settings/theme")
def change_theme() -> Response:
    """Change the theme."""
    form, who = ThemeForm(), person()
    if not form.validate_on_submit():
        return _page(theme_form=form)
    with transaction() as open_session:
        profile.change_theme(open_session, who.user_id, form.text("theme"))
    return redirect_path(_page_before())


@pages.post("/settings/email")
def change_email() -> Response:
    """Ask for another address; it takes effect when the link mailed to it is followed."""
    form, who = EmailForm(), person()
    if not form.validate_on_submit():
        return _page(email_form=form)
    check = check_password(who, form.text("password"))
    if not check.right:
        form.password.errors = [refused(check)]
        return _page(email_form=form)
    with transaction() as open_session:
        sent = profile.ask_email_change(
            open_session, who.user_id, form.text("new_email"), request_origin(), now=wall_now()
        )
    if sent:
        flash_message(
            "info", f"We sent a link to {form.text('new_email')}. The change takes effect when you follow it."
        )
    else:
        flash_message("warning", "Too many links were sent. Try again in a few hours.")
    return redirect_to("accounts.settings")


@pages.post("/settings/password")
def change_password() -> Response:
    """Set another password; every other device is signed out."""
    form, who = PasswordForm(), person()
    if not form.validate_on_submit():
        return _page(password_form=form)
    check = check_password(who, form.text("current_password"))
    if not check.right:
        form.current_password.errors = [refused(check)]
        return _page(password_form=form)
    hashed = passwords.hash_password(form.text("new_password"))
    with transaction() as open_session:
        user = queries.user(open_session, who.user_id)
        token = profile.change_password(
            open_session, user, hashed, who.session_id, actor=guards.caller().actor, now=wall_now()
        )
    flash_message("success", "Your password is changed. Your other devices are signed out.")
    response = redirect_to("accounts.settings")
    cookies.set_session(response, token)
    return response


@pages.get("/settings/sessions")
def sessions() -> Response:
    """Where the user is signed in."""
    who = person()
    rows = [(row, device_words(row.agent)) for row in queries.devices(session(), who.user_id)]
    return render("accounts/settings/sessions.html", rows=rows, current=who.session_id, press=Press(), now=wall_now())


@pages.post("/settings/sessions/<uuid:session_id>/end")
def end_session(session_id: UUID) -> Response:
    """Sign one other device out."""
    with transaction() as open_session:
        if not devices.end_session(open_session, person().user_id, session_id):
            raise NotFound("There is no such session.")
    flash_message("success", "That device is signed out.")
    return redirect_to("accounts.sessions")


@pages.post("/settings/sessions/end-others")
def end_other_sessions() -> Response:
    """Sign every other device out."""
    who = person()
    with transaction() as open_session:
        devices.end_all(open_session, who.user_id, but=who.session_id)
    flash_message("success", "Your other devices are signed out.")
    return redirect_to("accounts.sessions")


def _page_before() -> str:
    """The page of this site where the menu with the theme was used; else the settings."""
    before = urlsplit(request.referrer or "")
    path = f"{before.path}?{before.query}" if before.query else before.path
    here = before.netloc == request.host and safe_path(path)
    return here or url_for("accounts.settings")


def _page(**forms: PageForm) -> Response:
    """The profile page; a form in `forms` shows its errors, the others their fresh state."""
    user = queries.user(session(), person().user_id)
    made = {
        "profile_form": ProfileForm(formdata=None, name=user.name),
        "theme_form": ThemeForm(formdata=None, theme=user.theme),
        "email_form": EmailForm(formdata=None),
        "password_form": PasswordForm(formdata=None),
    }
    return render("accounts/settings/profile.html", user=user, status=422 if forms else 200, **{**made, **forms})
