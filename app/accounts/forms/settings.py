"""The forms of a user's own account."""

from __future__ import annotations

from wtforms import RadioField

from app.accounts.forms.base import (
    NAME_LENGTH,
    NEEDED,
    EmailField,
    PageForm,
    PlainField,
    current_password_field,
    new_password_field,
    offers,
)

THEMES = [("system", "As the system"), ("light", "Light"), ("dark", "Dark")]


class ProfileForm(PageForm):
    """The name that others see."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})


class ThemeForm(PageForm):
    """Light or dark."""

    theme = RadioField("Theme", choices=offers(THEMES), validators=[NEEDED])


class EmailForm(PageForm):
    """Another e-mail address; the password proves who asks."""

    new_email = EmailField("New e-mail address", render_kw={"autocomplete": "email"})
    password = current_password_field("Your password")


class PasswordForm(PageForm):
    """Another password."""

    current_password = current_password_field("Current password")
    new_password = new_password_field("New password")
