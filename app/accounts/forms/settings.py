"""The forms of a user's own account."""

from __future__ import annotations

from wtforms import RadioField

from app.accounts.forms.passwords import KnownWords, current_password_field, new_password_field
from app.web.forms import NAME_LENGTH, NEEDED, EmailField, PageForm, PlainField, choices_from

THEMES = [("system", "Same as system"), ("light", "Light"), ("dark", "Dark")]


class ProfileForm(PageForm):
    """The display name."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})


class ThemeForm(PageForm):
    """Light or dark theme."""

    theme = RadioField("Theme", choices=choices_from(THEMES), validators=[NEEDED])


class EmailForm(PageForm):
    """Changes the email address; requires the password."""

    new_email = EmailField("New email address", render_kw={"autocomplete": "email"})
    password = current_password_field("Your password")


class PasswordForm(KnownWords):
    """Changes the password."""

    current_password = current_password_field("Current password")
    new_password = new_password_field("New password")
