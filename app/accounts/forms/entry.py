"""The forms of the way in: sign-up, sign-in, reset, invitation."""

from __future__ import annotations

from app.accounts.forms.base import (
    NAME_LENGTH,
    NEEDED,
    EmailField,
    PageForm,
    PlainField,
    current_password_field,
    new_password_field,
)


class SignUpForm(PageForm):
    """A new user; the personal org takes the user's name."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})
    email = EmailField(render_kw={"autocomplete": "email"})
    password = new_password_field("Password", "name", "email")


class SignInForm(PageForm):
    """E-mail address and password."""

    email = EmailField(render_kw={"autocomplete": "username"})
    password = current_password_field()


class AddressForm(PageForm):
    """Where to send a link."""

    email = EmailField(render_kw={"autocomplete": "email"})


class NewPasswordForm(PageForm):
    """A password to be set by a mailed link."""

    password = new_password_field("New password")


class ConfirmPasswordForm(PageForm):
    """The password once more, before an act that matters."""

    password = current_password_field()


class JoinForm(PageForm):
    """A person without an account accepts an invitation."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})
    password = new_password_field("Password", "name")
